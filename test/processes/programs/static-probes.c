/* Static probes as sys/sdt.h lays them out, with a semaphore and without. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTE(provider, name, semaphore, operands)                                       \
  ".pushsection .note.stapsdt,\"?\",\"note\"\n.balign 4\n.4byte 992f-991f,994f-993f,3\n" \
  "991: .asciz \"stapsdt\"\n992: .balign 4\n993: .8byte 990b\n.8byte 0\n.8byte " semaphore "\n" \
  ".asciz \"" provider "\"\n.asciz \"" name "\"\n.asciz \"" operands "\"\n994: .balign 4\n.popsection\n"

__attribute__((section(".probes"))) volatile unsigned short demo_counted_semaphore;
static volatile int32_t variable = -5;
static volatile int64_t numbers[4] = {10, -20, 30, -40};

__attribute__((noinline)) static void plain(int64_t value, int16_t small) {
  __asm__ volatile("990: nop\n" NOTE("demo", "plain", "0", "-8@%0 -2@%w1 4@$-3 8@$0x10") : : "r"(value), "r"(small));
}

__attribute__((noinline)) static void places(volatile int64_t *base, int64_t index) {
  __asm__ volatile(
      "mov $0x8142, %%eax\n"
      "990: nop\n" NOTE("demo", "places", "0",
                        "-8@(%0) -8@8(%0) -8@(%0,%1,8) -8@-8(%0,%1,8) -1@%%ah 1@%%al -4@variable(%%rip) 2@%%ax")
      :
      : "r"(base), "r"(index)
      : "eax");
}

__attribute__((noinline)) static void counted(int64_t value) {
  if (demo_counted_semaphore == 0) return;
  __asm__ volatile("990: nop\n" NOTE("demo", "counted", "demo_counted_semaphore", "-8@%0") : : "r"(value));
}

__attribute__((noinline)) static void elsewhere(int64_t value) {
  __asm__ volatile("990: nop\n" NOTE("demo", "counted", "demo_counted_semaphore", "-8@%0") : : "r"(value));
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 3;
  for (int i = 0; i < rounds; i++) {
    plain(-i, 7 - i);
    places(numbers, 2);
    counted(i);
    if (fork() == 0) {
      counted(100 + i);
      elsewhere(variable);
      printf("%d\n", demo_counted_semaphore);
      fflush(stdout);
      _exit(0);
    }
    wait(0);
  }
  return 0;
}
