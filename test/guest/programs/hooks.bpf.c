/* One program for each kind of hook: all count their runs, some say what cookie they were given. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

__u64 hits = 0;
__u64 cookie = 0;

#define HOOK(section, name, type, result)                                                         \
	SEC(section) int name(type *ctx)                                                          \
	{                                                                                         \
		__sync_fetch_and_add(&hits, 1);                                                   \
		return result;                                                                    \
	}

#define COOKIE(section, name)                                                                     \
	SEC(section) int name(void *ctx)                                                          \
	{                                                                                         \
		__sync_fetch_and_add(&hits, 1);                                                   \
		cookie = bpf_get_attach_cookie(ctx);                                              \
		return 0;                                                                         \
	}

HOOK("?cgroup_skb/egress", cgroup_egress, struct __sk_buff, 1)
HOOK("?cgroup/sendmsg4", cgroup_sendmsg, struct bpf_sock_addr, 1)
HOOK("?cgroup/sock_create", cgroup_socket, struct bpf_sock, 1)
HOOK("?cgroup/sysctl", cgroup_sysctl, struct bpf_sysctl, 1)
HOOK("?cgroup/setsockopt", cgroup_setsockopt, struct bpf_sockopt, 1)
HOOK("?cgroup/dev", cgroup_device, struct bpf_cgroup_dev_ctx, 1)
HOOK("?sockops", socket_events, struct bpf_sock_ops, 1)
HOOK("?lsm_cgroup/socket_bind", lsm_cgroup, void, 1)
HOOK("?sk_lookup", lookup, struct bpf_sk_lookup, 1)
HOOK("?flow_dissector", dissector, struct __sk_buff, 0)
HOOK("?xdp", packets, struct xdp_md, 2)
HOOK("?tc", filter, struct __sk_buff, 0)
HOOK("?tcx/ingress", tcx_ingress, struct __sk_buff, -1)
HOOK("?netkit/primary", netkit_primary, struct __sk_buff, -1)
HOOK("?netfilter", netfilter_input, struct bpf_nf_ctx, 1)
HOOK("?socket", socket_filter, struct __sk_buff, 1 << 16)
HOOK("?sk_reuseport", reuseport, struct sk_reuseport_md, 1)
HOOK("?sk_msg", messages, struct sk_msg_md, 1)
HOOK("?lirc_mode2", infrared, unsigned int, 0)
HOOK("?raw_tp/sys_enter", raw_tracepoint, void, 0)
HOOK("?fentry/vfs_read", function_entry, void, 0)
HOOK("?kprobe/vfs_read", plain_kprobe, void, 0)
HOOK("?iter/task", iterator, void, 0)

COOKIE("?kprobe/vfs_read", kprobe_cookie)
COOKIE("?kretprobe/vfs_read", kretprobe_cookie)
COOKIE("?tp/syscalls/sys_enter_openat", tracepoint_cookie)
COOKIE("?uprobe/libc.so.6:malloc", uprobe_cookie)
COOKIE("?perf_event", perf_event_cookie)
COOKIE("?kprobe.multi/vfs_read", kprobe_multi_cookie)
COOKIE("?uprobe.multi/libc.so.6:malloc", uprobe_multi_cookie)
COOKIE("?fentry/vfs_read", fentry_cookie)
COOKIE("?raw_tp/sys_enter", raw_tracepoint_cookie)
COOKIE("?tp_btf/sys_enter", typed_tracepoint_cookie)

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

/* A congestion control that keeps the window as it is. */
SEC("?struct_ops")
void BPF_PROG(cc_init, struct sock *sk)
{
	__sync_fetch_and_add(&hits, 1);
}

SEC("?struct_ops")
__u32 BPF_PROG(cc_ssthresh, struct sock *sk)
{
	return 10;
}

SEC("?struct_ops")
void BPF_PROG(cc_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
}

SEC("?struct_ops")
__u32 BPF_PROG(cc_undo, struct sock *sk)
{
	return 10;
}

SEC("?.struct_ops")
struct tcp_congestion_ops plain = {
	.init = (void *)cc_init,
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid,
	.undo_cwnd = (void *)cc_undo,
	.name = "bpfkit_plain",
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops linked = {
	.init = (void *)cc_init,
	.ssthresh = (void *)cc_ssthresh,
	.cong_avoid = (void *)cc_avoid,
	.undo_cwnd = (void *)cc_undo,
	.name = "bpfkit_linked",
};
