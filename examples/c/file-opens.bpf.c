// Every file that a program opens, and whether it worked; counts by program at the end.
//
//   bpfkit run examples/c/file-opens.bpf.c
//   bpfkit run examples/c/file-opens.bpf.c --set only_failed=true
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

const volatile bool only_failed = false;

struct event {
	__u32 pid;
	/* The descriptor, or a negative errno. */
	int result;
	char comm[16];
	char path[200];
};

const struct event *unused_event __attribute__((unused));

struct comm {
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} opens SEC(".maps");

/* Paths of opens that have begun, by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct comm);
	__type(value, __u64);
} opens_by_program SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int open_begins(struct trace_event_raw_sys_enter *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 path = ctx->args[1];

	bpf_map_update_elem(&started, &thread, &path, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int open_ends(struct trace_event_raw_sys_exit *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 *path = bpf_map_lookup_elem(&started, &thread);
	struct comm comm = {};
	struct event *event;
	__u64 *count, one = 1;

	if (!path)
		return 0;
	bpf_get_current_comm(comm.name, sizeof(comm.name));
	count = bpf_map_lookup_elem(&opens_by_program, &comm);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&opens_by_program, &comm, &one, BPF_NOEXIST);

	if (!only_failed || ctx->ret < 0) {
		event = bpf_ringbuf_reserve(&opens, sizeof(*event), 0);
		if (event) {
			event->pid = bpf_get_current_pid_tgid() >> 32;
			event->result = ctx->ret;
			__builtin_memcpy(event->comm, comm.name, sizeof(event->comm));
			bpf_probe_read_user_str(event->path, sizeof(event->path), (void *)*path);
			bpf_ringbuf_submit(event, 0);
		}
	}
	bpf_map_delete_elem(&started, &thread);
	return 0;
}
