// TCP connections that programs of this machine make (IPv4): where to, and how long the handshake took.
//
//   bpfkit run examples/c/tcp-connections.bpf.c
//   bpfkit run examples/c/tcp-connections.bpf.c --set min_us=50000
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define AF_INET 2

/* Faster ones are not shown. */
const volatile __u64 min_us = 0;

struct event {
	__u32 pid;
	char comm[16];
	/* As written: 127.0.0.1 is 127, 0, 0, 1. */
	__u8 to[4];
	__u16 port;
	__u64 latency_us;
	bool refused;
};

const struct event *unused_event __attribute__((unused));

struct start {
	__u64 time;
	__u32 pid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} connections SEC(".maps");

/* Handshakes that have begun, by socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct start);
} handshakes SEC(".maps");

/* The SYN is sent in the context of the program that connects; the answer comes in any context. */
SEC("tracepoint/sock/inet_sock_set_state")
int state_changes(struct trace_event_raw_inet_sock_set_state *ctx)
{
	__u64 socket = (__u64)ctx->skaddr;
	struct start *start, begun = {};
	struct event *event;
	__u64 latency;

	if (ctx->family != AF_INET || ctx->protocol != IPPROTO_TCP)
		return 0;
	if (ctx->newstate == TCP_SYN_SENT) {
		begun.time = bpf_ktime_get_ns();
		begun.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(begun.comm, sizeof(begun.comm));
		bpf_map_update_elem(&handshakes, &socket, &begun, BPF_ANY);
		return 0;
	}
	if (ctx->oldstate != TCP_SYN_SENT)
		return 0;
	start = bpf_map_lookup_elem(&handshakes, &socket);
	if (!start)
		return 0;
	latency = (bpf_ktime_get_ns() - start->time) / 1000;
	if (latency >= min_us) {
		event = bpf_ringbuf_reserve(&connections, sizeof(*event), 0);
		if (event) {
			event->pid = start->pid;
			__builtin_memcpy(event->comm, start->comm, sizeof(event->comm));
			__builtin_memcpy(event->to, ctx->daddr, sizeof(event->to));
			event->port = ctx->dport;
			event->latency_us = latency;
			event->refused = ctx->newstate != TCP_ESTABLISHED;
			bpf_ringbuf_submit(event, 0);
		}
	}
	bpf_map_delete_elem(&handshakes, &socket);
	return 0;
}
