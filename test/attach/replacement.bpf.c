#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("freplace/verdict")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}
