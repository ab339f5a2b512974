// Programs that commands attach, run and give other maps.
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(NAME) __attribute__((section(NAME), used))

struct {
	int (*type)[2];
	u32 *key;
	u64 *value;
	int (*max_entries)[1];
} hits SEC(".maps");

static void *(*const lookup)(void *map, const void *key) = (void *)1;
static long (*const trace_printk)(const char *format, u32 size) = (void *)6;

SEC("socket")
int count(void *context)
{
	u32 key = 0;
	u64 *slot = lookup(&hits, &key);

	if (slot)
		*slot += 1;
	return 0;
}

SEC("socket")
int say(void *context)
{
	char text[] = "said by a program";

	trace_printk(text, sizeof(text));
	return 0;
}

SEC("sk_msg")
int message(void *context)
{
	return 1;
}

SEC("sk_skb/stream_verdict")
int verdict(void *context)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int first(void *context)
{
	return 1;
}

SEC("cgroup_skb/ingress")
int second(void *context)
{
	return 1;
}

SEC("xdp")
int pass(void *context)
{
	return 2;
}

SEC("xdp")
int drop(void *context)
{
	return 1;
}

SEC("tc")
int classify(void *context)
{
	return 0;
}

SEC("tc")
int classify_too(void *context)
{
	return -1;
}

SEC("flow_dissector")
int dissect(void *context)
{
	return 0;
}

SEC("raw_tp/sched_process_exit")
int exits(void *context)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
