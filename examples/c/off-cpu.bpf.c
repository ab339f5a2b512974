// Where threads wait: the time that each spends off the CPU, by program and kernel stack.
// off-cpu.ts draws it as a flame graph.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define DEPTH 64

/* Only threads of this process; 0: all. */
const volatile __u32 only_pid = 0;

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DEPTH * sizeof(__u64));
} stacks SEC(".maps");

struct left {
	__u64 time;
	/* In `stacks`, or a negative errno. */
	__s64 stack;
};

/* Threads that are off the CPU, since when and where. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct left);
} away SEC(".maps");

struct place {
	char comm[16];
	__s64 stack;
};

/* Microseconds. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct place);
	__type(value, __u64);
} time_away SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(changes, bool preempt, struct task_struct *before, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 thread = before->pid;
	struct left left = { .time = now };
	struct left *since;
	struct place place = {};
	__u64 *sum, time;

	if (thread && (!only_pid || before->tgid == only_pid)) {
		left.stack = bpf_get_stackid(ctx, &stacks, 0);
		bpf_map_update_elem(&away, &thread, &left, BPF_ANY);
	}
	thread = next->pid;
	since = bpf_map_lookup_elem(&away, &thread);
	if (!since)
		return 0;
	time = (now - since->time) / 1000;
	place.stack = since->stack;
	bpf_probe_read_kernel_str(place.comm, sizeof(place.comm), next->comm);
	sum = bpf_map_lookup_elem(&time_away, &place);
	if (sum)
		__sync_fetch_and_add(sum, time);
	else
		bpf_map_update_elem(&time_away, &place, &time, BPF_NOEXIST);
	bpf_map_delete_elem(&away, &thread);
	return 0;
}
