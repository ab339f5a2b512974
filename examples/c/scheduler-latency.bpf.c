// How long threads that could run had to wait for a CPU: a histogram in powers of two of microseconds.
// scheduler-latency.ts serves it to Prometheus; alone it is shown at the end:
//
//   bpfkit run examples/c/scheduler-latency.bpf.c -c 'sleep 10'
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

#define SLOTS 27
#define TASK_RUNNING 0

/* slots[i]: waits below 2^i microseconds that are in no slot before; everything longer is in the last one. */
__u64 slots[SLOTS];
__u64 total_us;

/* When a thread became able to run. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} waiting SEC(".maps");

static __always_inline void begins_to_wait(struct task_struct *task)
{
	__u32 thread = task->pid;
	__u64 now = bpf_ktime_get_ns();

	/* Thread 0 is each CPU's idle loop. */
	if (thread)
		bpf_map_update_elem(&waiting, &thread, &now, BPF_ANY);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(wakes_up, struct task_struct *task)
{
	begins_to_wait(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(is_new, struct task_struct *task)
{
	begins_to_wait(task);
	return 0;
}

/* task_struct::state was renamed in Linux 5.14. */
struct task_struct___before_5_14 {
	volatile long state;
} __attribute__((preserve_access_index));

static __always_inline long state_of(struct task_struct *task)
{
	struct task_struct___before_5_14 *old = (void *)task;

	return bpf_core_field_exists(task->__state) ? BPF_CORE_READ(task, __state)
						     : BPF_CORE_READ(old, state);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(takes_over, bool preempt, struct task_struct *before, struct task_struct *next)
{
	__u32 thread = next->pid;
	__u64 *since, wait, slot = 0;

	/* Who was pushed off the CPU waits from now on. */
	if (state_of(before) == TASK_RUNNING)
		begins_to_wait(before);
	since = bpf_map_lookup_elem(&waiting, &thread);
	if (!since)
		return 0;
	wait = (bpf_ktime_get_ns() - *since) / 1000;
	bpf_map_delete_elem(&waiting, &thread);
	for (__u64 rest = wait; rest && slot < SLOTS - 1; rest >>= 1)
		slot++;
	if (slot < SLOTS)
		__sync_fetch_and_add(&slots[slot], 1);
	__sync_fetch_and_add(&total_us, wait);
	return 0;
}
