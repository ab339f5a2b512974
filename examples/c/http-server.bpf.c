// Requests of an HTTP/1.1 server, as a Node server is: method and path, status, and how long each took.
// It reads what the server's process reads and writes; nothing in the server changes.
//
//   bpfkit run examples/c/http-server.bpf.c --set server=$(pgrep -f server.js)
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define REQUEST 96
#define STATUS_AT 9

/* Process of the server. */
const volatile __u32 server = 0;

struct event {
	__u64 latency_us;
	__u16 status;
	/* Method and path. */
	char request[REQUEST];
};

const struct event *unused_event __attribute__((unused));

struct http_request {
	__u64 start;
	char line[REQUEST];
};

struct reading {
	__u32 descriptor;
	__u64 buffer;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} requests SEC(".maps");

/* Reads that have begun, by thread. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct reading);
} reads SEC(".maps");

/* Requests that wait for their answer, by descriptor. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct http_request);
} pending SEC(".maps");

static __always_inline bool is_server(void)
{
	return bpf_get_current_pid_tgid() >> 32 == server;
}

SEC("tracepoint/syscalls/sys_enter_read")
int read_begins(struct trace_event_raw_sys_enter *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct reading reading = { .descriptor = ctx->args[0], .buffer = ctx->args[1] };

	if (is_server())
		bpf_map_update_elem(&reads, &thread, &reading, BPF_ANY);
	return 0;
}

/* `GET /path HTTP/1.1`: a word of capitals and a slash. */
static __always_inline bool is_request(const char *line)
{
	int blank = 0;

	for (int i = 0; i < 8; i++) {
		if (line[i] == ' ') {
			blank = i;
			break;
		}
		if (line[i] < 'A' || line[i] > 'Z')
			return false;
	}
	return blank > 2 && line[blank + 1] == '/';
}

SEC("tracepoint/syscalls/sys_exit_read")
int read_ends(struct trace_event_raw_sys_exit *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct reading *reading = bpf_map_lookup_elem(&reads, &thread);
	struct http_request request = {};

	if (!reading)
		return 0;
	if (ctx->ret > 16 && bpf_probe_read_user(request.line, REQUEST - 1, (void *)reading->buffer) == 0 &&
	    is_request(request.line)) {
		__u32 descriptor = reading->descriptor;

		request.start = bpf_ktime_get_ns();
		bpf_map_update_elem(&pending, &descriptor, &request, BPF_ANY);
	}
	bpf_map_delete_elem(&reads, &thread);
	return 0;
}

/* `HTTP/1.1 200 OK` answers the request that was read from the same descriptor. */
static __always_inline void answers(__u32 descriptor, const void *buffer)
{
	struct http_request *request = bpf_map_lookup_elem(&pending, &descriptor);
	char line[STATUS_AT + 3];
	struct event *event;
	int end;

	if (!request || bpf_probe_read_user(line, sizeof(line), buffer) || line[0] != 'H' || line[1] != 'T' ||
	    line[2] != 'T' || line[3] != 'P')
		return;
	event = bpf_ringbuf_reserve(&requests, sizeof(*event), 0);
	if (event) {
		event->latency_us = (bpf_ktime_get_ns() - request->start) / 1000;
		event->status = (line[STATUS_AT] - '0') * 100 + (line[STATUS_AT + 1] - '0') * 10 +
				(line[STATUS_AT + 2] - '0');
		__builtin_memcpy(event->request, request->line, sizeof(event->request));
		for (end = 0; end < REQUEST - 1; end++)
			if (event->request[end] == '\r')
				break;
		/* The line ends with " HTTP/1.1". */
		if (end > 9)
			end -= 9;
		event->request[end] = 0;
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&pending, &descriptor);
}

SEC("tracepoint/syscalls/sys_enter_write")
int writes(struct trace_event_raw_sys_enter *ctx)
{
	if (is_server())
		answers(ctx->args[0], (void *)ctx->args[1]);
	return 0;
}

/* Head and body of an answer are often written together: the head is the first piece. */
SEC("tracepoint/syscalls/sys_enter_writev")
int writes_pieces(struct trace_event_raw_sys_enter *ctx)
{
	struct iovec first;

	if (is_server() && bpf_probe_read_user(&first, sizeof(first), (void *)ctx->args[1]) == 0)
		answers(ctx->args[0], first.iov_base);
	return 0;
}
