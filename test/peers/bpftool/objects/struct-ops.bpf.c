// TCP congestion controls made of BPF programs: one held by its map, one by a link.
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(NAME) __attribute__((section(NAME), used))

struct sock;

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	void (*set_state)(struct sock *sk, unsigned char new_state);
	u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
	u32 flags;
};

SEC("struct_ops/quarter")
u32 quarter(u64 *arguments)
{
	return 4;
}

SEC("struct_ops/stay")
void stay(u64 *arguments)
{
}

SEC("struct_ops/undo")
u32 undo(u64 *arguments)
{
	return 2;
}

SEC(".struct_ops")
struct tcp_congestion_ops by_map = {
	.ssthresh = (void *)quarter,
	.cong_avoid = (void *)stay,
	.undo_cwnd = (void *)undo,
	.name = "bpf_by_map",
};

// Held by links: since Linux 6.4.
#ifdef LINK
SEC(".struct_ops.link")
struct tcp_congestion_ops by_link = {
	.ssthresh = (void *)quarter,
	.cong_avoid = (void *)stay,
	.undo_cwnd = (void *)undo,
	.name = "bpf_by_link",
};
#endif

char _license[] SEC("license") = "GPL";
