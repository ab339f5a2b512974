// A program that asks a function of its own, which another program may replace.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

__attribute__((noinline)) int verdict(struct xdp_md *ctx)
{
	volatile int result = XDP_PASS;

	return result;
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	return verdict(ctx);
}
