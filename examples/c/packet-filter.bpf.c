// An XDP program that counts packets by protocol and drops those from addresses in a list.
// packet-filter.ts fills the list and shows the counts; alone it counts:
//
//   bpfkit run examples/c/packet-filter.bpf.c --dev eth0
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define ETH_P_IP 0x0800

struct count {
	__u64 packets;
	__u64 bytes;
};

/* By IP protocol number: 1 is ICMP, 6 is TCP, 17 is UDP; 0 is what is not IPv4. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct count);
} received SEC(".maps");

/* A network: how many bits of the address count, and the address in network order. */
struct network {
	__u32 bits;
	__u8 address[4];
};

/* Packets dropped, by the network that they came from: what is in here is not let in. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct network);
	__type(value, __u64);
} dropped SEC(".maps");

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	__u32 protocol = 0;
	struct count *count;
	__u64 *drops = NULL;

	if ((void *)(ip + 1) <= end && ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct network source = { .bits = 32 };

		protocol = ip->protocol;
		__builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
		drops = bpf_map_lookup_elem(&dropped, &source);
	}
	count = bpf_map_lookup_elem(&received, &protocol);
	if (count) {
		count->packets++;
		count->bytes += end - data;
	}
	if (!drops)
		return XDP_PASS;
	__sync_fetch_and_add(drops, 1);
	return XDP_DROP;
}
