// A firewall for the processes of one cgroup: they may connect to the networks of a list only (IPv4).
// cgroup-firewall.ts fills the list and shows what was refused.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define REFUSE 0
#define ALLOW 1

struct network {
	__u32 bits;
	__u8 address[4];
};

/* Connections to each network of the list. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, __u64);
} allowed SEC(".maps");

struct event {
	__u32 pid;
	char comm[16];
	__u8 to[4];
	__u16 port;
	/* 6 is TCP, 17 is UDP. */
	__u8 protocol;
};

const struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} refused SEC(".maps");

static __always_inline int decide(struct bpf_sock_addr *ctx)
{
	struct network target = { .bits = 32 };
	__u32 address = ctx->user_ip4;
	struct event *event;
	__u64 *count;

	__builtin_memcpy(target.address, &address, sizeof(target.address));
	count = bpf_map_lookup_elem(&allowed, &target);
	if (count) {
		__sync_fetch_and_add(count, 1);
		return ALLOW;
	}
	event = bpf_ringbuf_reserve(&refused, sizeof(*event), 0);
	if (event) {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		__builtin_memcpy(event->to, &address, sizeof(event->to));
		event->port = bpf_ntohs((__u16)ctx->user_port);
		event->protocol = ctx->protocol;
		bpf_ringbuf_submit(event, 0);
	}
	return REFUSE;
}

SEC("cgroup/connect4")
int connects(struct bpf_sock_addr *ctx)
{
	return decide(ctx);
}

/* Datagrams without a connection. */
SEC("cgroup/sendmsg4")
int sends(struct bpf_sock_addr *ctx)
{
	return decide(ctx);
}
