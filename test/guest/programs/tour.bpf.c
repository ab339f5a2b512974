/* What a program of the library uses: maps of all sorts, variables, a ring, a tracepoint and an interface. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

struct exec_event {
	__u32 pid;
	__u32 parent;
	__u64 when;
	char comm[16];
};

/* Keeps the type, which nothing else refers to. */
const struct exec_event *unused_event __attribute__((unused));

struct place {
	__u32 row;
	__u32 column;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct place);
	__type(value, __u64);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__uint(pinning, 1);
	__type(key, __u32);
	__type(value, __u64);
} shared SEC(".maps");

const volatile __u32 step = 1;
__u64 sent = 0;
__u64 dropped = 0;

static __always_inline int send(__u64 when)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct exec_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->parent = BPF_CORE_READ(task, real_parent, tgid);
	event->when = when;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	__sync_fetch_and_add(&sent, step);
	return 0;
}

SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	return send(bpf_ktime_get_ns());
}

SEC("raw_tp")
int on_demand(__u64 *arguments)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&cpus, &zero);

	if (count)
		*count += 1;
	return send(arguments[0]);
}

SEC("xdp")
int packets(struct xdp_md *ctx)
{
	struct place place = { .row = 1, .column = ctx->rx_queue_index };
	__u64 one = 1, *count = bpf_map_lookup_elem(&places, &place);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&places, &place, &one, BPF_NOEXIST);
	return XDP_PASS;
}
