// Every program that starts: its process, parent, cgroup, name and first arguments.
//
//   bpfkit run examples/c/process-creation.bpf.c
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

#define ARGUMENTS 256

struct event {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u64 cgroup;
	char comm[16];
	char parent[16];
	char args[ARGUMENTS];
};

/* Keeps the struct in the object, so that readers know what they get. */
const struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} programs SEC(".maps");

/* The process has become the program here: its arguments lie in its own memory, NUL after NUL. */
SEC("tp_btf/sched_process_exec")
int on_exec(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct event *event = bpf_ringbuf_reserve(&programs, sizeof(*event), 0);
	unsigned long start, end, length;

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->uid = (__u32)bpf_get_current_uid_gid();
	event->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	BPF_CORE_READ_STR_INTO(&event->parent, task, real_parent, comm);

	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	length = end - start;
	if (length > ARGUMENTS - 1)
		length = ARGUMENTS - 1;
	/* The compiler knows the bound by now; the verifier has to be shown it at the call. */
	barrier_var(length);
	length &= ARGUMENTS - 1;
	__builtin_memset(event->args, 0, sizeof(event->args));
	bpf_probe_read_user(event->args, length, (void *)start);
	/* NULs between arguments become blanks, by arithmetic: a branch each would be too much for the verifier. */
	for (int i = 0; i < ARGUMENTS; i++) {
		unsigned int letter = (unsigned char)event->args[i];

		event->args[i] = letter | ((letter - 1) >> 31 << 5);
	}
	if (length > 0)
		length--;
	event->args[length & (ARGUMENTS - 1)] = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
