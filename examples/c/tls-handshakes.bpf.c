// How long TLS handshakes take, by process, for programs that use OpenSSL's library.
//
//   bpfkit run examples/c/tls-handshakes.bpf.c
//
// Programs that carry OpenSSL within themselves are named instead of the library, and those that leave the
// handshake to their first read or write have to be watched further inside. Node is both:
//
//   bpfkit run examples/c/tls-handshakes.bpf.c \
//     --attach handshake_begins=/usr/bin/node:ossl_statem_accept \
//     --attach handshake_ends=/usr/bin/node:ossl_statem_accept
//
// (ossl_statem_connect for its clients.)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 pid;
	char comm[16];
	__u64 latency_us;
	/* Calls that it took: sockets that do not block need several. */
	__u32 calls;
};

const struct event *unused_event __attribute__((unused));

struct handshake {
	__u64 start;
	__u32 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} handshakes SEC(".maps");

/* By the connection's SSL object. */
struct connection {
	__u64 ssl;
	__u32 pid;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct connection);
	__type(value, struct handshake);
} open_handshakes SEC(".maps");

/* Which connection a thread is working on. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct connection);
} at_work SEC(".maps");

SEC("uprobe/libssl.so.3:SSL_do_handshake")
int BPF_UPROBE(handshake_begins, void *ssl)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = (__u32)id;
	struct connection connection = { .ssl = (__u64)ssl, .pid = id >> 32 };
	struct handshake *known = bpf_map_lookup_elem(&open_handshakes, &connection);
	struct handshake first = { .start = bpf_ktime_get_ns(), .calls = 1 };

	if (known)
		known->calls++;
	else
		bpf_map_update_elem(&open_handshakes, &connection, &first, BPF_ANY);
	bpf_map_update_elem(&at_work, &thread, &connection, BPF_ANY);
	return 0;
}

SEC("uretprobe/libssl.so.3:SSL_do_handshake")
int BPF_URETPROBE(handshake_ends, int result)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct connection *working = bpf_map_lookup_elem(&at_work, &thread);
	struct connection connection;
	struct handshake *handshake;
	struct event *event;

	if (!working)
		return 0;
	connection = *working;
	bpf_map_delete_elem(&at_work, &thread);
	/* Below 1 it wants to read or write first, or has failed. */
	if (result != 1)
		return 0;
	handshake = bpf_map_lookup_elem(&open_handshakes, &connection);
	if (!handshake)
		return 0;
	event = bpf_ringbuf_reserve(&handshakes, sizeof(*event), 0);
	if (event) {
		event->pid = connection.pid;
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		event->latency_us = (bpf_ktime_get_ns() - handshake->start) / 1000;
		event->calls = handshake->calls;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&open_handshakes, &connection);
	return 0;
}
