// A static probe's arguments by every way out: ring buffer, map, global variables, printk.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";

const volatile int factor = 1;
const volatile char label[16] = "none";
unsigned long ticks;

struct event {
	__u32 pid;
	int first;
	long long second;
	char label[16];
	char comm[16];
};

/* Keeps the type in the object, for those who read events. */
const struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, __u64);
} sums SEC(".maps");

SEC("usdt")
int BPF_USDT(tick, int first, int second)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u64 one = 1, *sum;

	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->first = first * factor;
	event->second = second;
	for (int index = 0; index < sizeof(label); index++)
		event->label[index] = label[index];
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);

	sum = bpf_map_lookup_elem(&sums, &first);
	if (sum)
		__sync_fetch_and_add(sum, 1);
	else
		bpf_map_update_elem(&sums, &first, &one, BPF_ANY);
	__sync_fetch_and_add(&ticks, 1);
	bpf_printk("tick %d %d", first, second);
	return 0;
}
