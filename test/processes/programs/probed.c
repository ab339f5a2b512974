#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int sink;
static int table[4] = {1, 2, 3, 4};
static jmp_buf env;

/* Its code looks beside itself. */
__attribute__((noinline)) int hot(int x) { return table[x & 3] + x; }
__attribute__((noinline)) int deep(int n) { return n == 0 ? 0 : 1 + deep(n - 1); }
__attribute__((noinline)) int leaves(int n) { if (n) longjmp(env, n); return sink; }
__attribute__((noinline)) int forks(void) { int pid = fork(); sink++; return pid; }

static void *hammer(void *count) {
  for (long n = (long)count; n > 0; n--) sink += hot(n);
  return 0;
}
static void tick(int signal) { sink += signal; }
static int cloned(void *arg) { sink += hot((int)(long)arg); _exit(0); }

int main(int argc, char **argv) {
  const char *mode = argv[1];
  long n = argc > 2 ? atol(argv[2]) : 1;
  if (!strcmp(mode, "threads") || !strcmp(mode, "signals")) {
    if (!strcmp(mode, "signals")) {
      struct itimerval every = {{0, 500}, {0, 500}};
      signal(SIGALRM, tick);
      setitimer(ITIMER_REAL, &every, 0);
    }
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) pthread_create(&threads[i], 0, hammer, (void *)n);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
  } else if (!strcmp(mode, "deep")) {
    sink += deep(n);
  } else if (!strcmp(mode, "longjmp")) {
    for (int i = 0; i < n; i++)
      if (!setjmp(env)) sink += leaves(1);
    sink += deep(3);
  } else if (!strcmp(mode, "fork")) {
    int pid = forks();
    for (int i = 0; i < n; i++) sink += hot(i);
    if (pid) waitpid(pid, 0, 0);
  } else if (!strcmp(mode, "vfork")) {
    for (int i = 0; i < n; i++) {
      int pid = vfork();
      if (pid == 0) { sink += deep(2); sink += hot(i); execl("/bin/true", "true", (char *)0); _exit(1); }
      waitpid(pid, 0, 0);
      sink += deep(2);
    }
  } else if (!strcmp(mode, "clone")) {
    char *stack = malloc(65536);
    for (int i = 0; i < n; i++) {
      int pid = clone(cloned, stack + 65536, SIGCHLD | (i & 1 ? CLONE_VM : 0), (void *)(long)i);
      waitpid(pid, 0, 0);
      sink += hot(i);
    }
  } else if (!strcmp(mode, "dlopen")) {
    for (int i = 0; i < n; i++) {
      void *lib = dlopen(argv[3], RTLD_NOW);
      if (!lib) { fprintf(stderr, "%s\n", dlerror()); return 1; }
      int (*call)(int) = (int (*)(int))dlsym(lib, "plugged");
      sink += call(i);
      dlclose(lib);
    }
  } else if (!strcmp(mode, "exec")) {
    if (n > 1) { char next[16]; snprintf(next, 16, "%ld", n - 1); sink += hot(1); execl(argv[0], argv[0], "exec", next, (char *)0); }
    sink += hot(1);
  }
  return 0;
}
