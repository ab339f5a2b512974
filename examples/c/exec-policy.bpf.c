// A security policy: programs below one directory do not start.
//
//   bpfkit run examples/c/exec-policy.bpf.c --set prefix=/tmp/
//
// It needs a kernel that has BPF among its security modules: cat /sys/kernel/security/lsm
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

#define EPERM 1
#define PATH 128

const volatile char prefix[32] = "/tmp/";

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	char program[PATH];
};

const struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} refused SEC(".maps");

SEC("lsm/bprm_check_security")
int BPF_PROG(may_start, struct linux_binprm *bprm, int ret)
{
	char path[PATH] = {};
	struct event *event;

	/* What another policy has refused stays refused. */
	if (ret)
		return ret;
	bpf_probe_read_kernel_str(path, sizeof(path), BPF_CORE_READ(bprm, filename));
	for (int i = 0; i < sizeof(prefix) && prefix[i]; i++)
		if (path[i] != prefix[i])
			return 0;
	event = bpf_ringbuf_reserve(&refused, sizeof(*event), 0);
	if (event) {
		event->pid = bpf_get_current_pid_tgid() >> 32;
		event->uid = (__u32)bpf_get_current_uid_gid();
		bpf_get_current_comm(event->comm, sizeof(event->comm));
		__builtin_memcpy(event->program, path, sizeof(event->program));
		bpf_ringbuf_submit(event, 0);
	}
	return -EPERM;
}
