// Uses every macro of include/bpf once; `check` answers with the line of the first one that gives a wrong result.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

char LICENSE[] SEC("license") = "GPL";
__u32 _version SEC("version") = KERNEL_VERSION(5, 10, 300);

enum colour { RED = 3, GREEN = -1 };

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &inner } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__ulong(map_extra, 0);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct pair);
} pairs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, int(void *));
} calls SEC(".maps");

struct pair {
	int first;
	int second;
};

struct wide {
	unsigned long long low;
	unsigned long long high;
};

extern int LINUX_KERNEL_VERSION __kconfig;
extern enum libbpf_tristate CONFIG_BPF_SYSCALL __kconfig __weak;
extern const void init_task __ksym __weak;

volatile __u64 sink;

#define EXPECT(what)             \
	if (!(what))             \
		return __LINE__;

SEC("syscall")
int check(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct iphdr ip = { .ihl = 5, .version = 4 };
	struct bpf_insn insn = { .dst_reg = 3, .src_reg = 12, .imm = -7 };
	struct perf_event_attr event = { .pinned = 1, .precise_ip = 2 };
	struct pair pair = { 1, 2 };
	char name[16] = {}, own[16] = {}, text[32] = {};
	__u32 pid = bpf_get_current_pid_tgid();
	int sum = 0, i;
	pid_t read;

	EXPECT(bpf_htons(0x1234) == 0x3412 && bpf_ntohs(bpf_htons(sum + 7)) == 7);
	EXPECT(bpf_htonl(0x12345678) == 0x78563412 && bpf_ntohl(bpf_htonl(9)) == 9);
	EXPECT(bpf_cpu_to_be64(1) == 1ULL << 56 && bpf_be64_to_cpu(bpf_cpu_to_be64(3)) == 3);
	switch (pid) {
	case bpf_htons(0xfffe):
		return __LINE__;
	}

	EXPECT(BPF_CORE_READ(task, pid) == (pid_t)pid);
	EXPECT(BPF_PROBE_READ(task, pid) == (pid_t)pid);
	EXPECT(BPF_CORE_READ(task, group_leader, group_leader, pid) == (pid_t)(bpf_get_current_pid_tgid() >> 32));
	EXPECT(BPF_CORE_READ(BPF_CORE_READ(task, group_leader), tgid) == (pid_t)(bpf_get_current_pid_tgid() >> 32));
	EXPECT(BPF_CORE_READ_INTO(&read, task, pid) == 0 && read == (pid_t)pid);
	EXPECT(BPF_CORE_READ_STR_INTO(&name, task, comm) > 0);
	EXPECT(bpf_get_current_comm(own, sizeof(own)) == 0 && __builtin_memcmp(name, own, 8) == 0);
	EXPECT(bpf_core_read(&read, sizeof(read), &task->pid) == 0 && read == (pid_t)pid);
	EXPECT(bpf_core_read_str(name, sizeof(name), &task->comm) > 0);
	EXPECT(BPF_CORE_READ_USER_INTO(&read, task, pid) < 0);
	EXPECT(BPF_CORE_READ(task, real_parent, real_parent, real_parent, real_parent, real_parent, pid) >= 0);

	EXPECT(bpf_core_field_exists(task->pid) && bpf_core_field_exists(struct task_struct, comm));
	EXPECT(bpf_core_field_size(struct task_struct, pid) == 4);
	EXPECT(bpf_core_field_offset(struct task_struct, pid) == (char *)&task->pid - (char *)task);
	EXPECT(bpf_core_type_exists(struct task_struct) && bpf_core_type_size(struct task_struct) > 1000);
	EXPECT(bpf_core_type_id_local(struct pair) > 0 && bpf_core_type_id_kernel(struct task_struct) > 0);
	EXPECT(bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_ARRAY));
	EXPECT(bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_ARRAY) == 2);

	EXPECT(BPF_CORE_READ_BITFIELD(&ip, ihl) == 5 && BPF_CORE_READ_BITFIELD(&ip, version) == 4);
	EXPECT(BPF_CORE_READ_BITFIELD_PROBED(&insn, dst_reg) == 3);
	EXPECT(BPF_CORE_READ_BITFIELD_PROBED(&insn, src_reg) == 12);
	EXPECT((long)BPF_CORE_READ_BITFIELD_PROBED(&insn, imm) == -7);
	EXPECT(BPF_CORE_READ_BITFIELD_PROBED(&event, precise_ip) == 2);
	EXPECT(BPF_CORE_READ_BITFIELD(&event, pinned) == 1 && BPF_CORE_READ_BITFIELD(&event, disabled) == 0);
	BPF_CORE_WRITE_BITFIELD(&ip, ihl, 0x1f);
	EXPECT(ip.ihl == 15 && ip.version == 4);
	BPF_CORE_WRITE_BITFIELD(&event, precise_ip, 1);
	EXPECT(event.precise_ip == 1 && event.pinned == 1);

	bpf_for(i, 3, 6) sum += i;
	EXPECT(sum == 12);
	bpf_repeat(5) {
		sum++;
		if (sum == 15)
			break;
	}
	EXPECT(sum == 15);
	int *number;
	bpf_for_each(num, number, 0, 4) sum += *number;
	EXPECT(sum == 21);

	EXPECT(BPF_SNPRINTF(text, sizeof(text), "%d %s %d %d", 1, "x", (int)GREEN, pair.second) == 9);
	EXPECT(bpf_strncmp(text, 9, "1 x -1 2") == 0);
	EXPECT(LINUX_KERNEL_VERSION >= KERNEL_VERSION(5, 10, 0));
	EXPECT(CONFIG_BPF_SYSCALL == TRI_YES);
	EXPECT(container_of(&pair.second, struct pair, second) == &pair);
	EXPECT(offsetof(struct pair, second) == 4);
	if (bpf_ksym_exists(bpf_rdonly_cast))
		EXPECT(bpf_core_cast(task, struct task_struct)->pid == (pid_t)pid);
	barrier();
	barrier_var(sum);
	EXPECT(likely(sum == 21) && !unlikely(sum != 21));
	return 0;
}

SEC("?raw_tp/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *from, struct task_struct *to)
{
	bpf_printk("none");
	bpf_printk("%d", from->pid);
	bpf_printk("%d %d %d %d", preempt, 2, 3, BPF_CORE_READ(to, pid));
	return 0;
}

SEC("?fentry/f")
int BPF_PROG2(on_structs, struct pair, small, int, number, struct wide, big, char, letter)
{
	sink = small.first + number + big.low + big.high + letter;
	return 0;
}

SEC("?fentry/f")
int BPF_PROG2(on_nothing)
{
	return ctx != NULL;
}

SEC("?iter/task")
int on_task(struct bpf_iter__task *ctx)
{
	BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", ctx->task ? ctx->task->pid : 0);
	return 0;
}

SEC("?kprobe/f")
int BPF_KPROBE(on_call, void *a, int b, long c, char d, short e, __u64 f)
{
	unsigned long from = 0;

	BPF_KPROBE_READ_RET_IP(from, ctx);
	sink = (__u64)a + b + c + d + e + f + from + PT_REGS_IP(ctx) + PT_REGS_SP(ctx) + PT_REGS_FP(ctx);
	sink = PT_REGS_PARM1_CORE(ctx) + PT_REGS_PARM6_CORE(ctx) + PT_REGS_RC_CORE(ctx);
	return 0;
}

SEC("?kretprobe/f")
int BPF_KRETPROBE(on_return, int result)
{
	unsigned long from = 0;

	BPF_KRETPROBE_READ_RET_IP(from, ctx);
	sink = result + from;
	return 0;
}

SEC("?uprobe")
int BPF_UPROBE(on_user_call, const char *path, int flags)
{
	return BPF_PROBE_READ_USER((struct pair *)path, second) + flags;
}

SEC("?uretprobe")
int BPF_URETPROBE(on_user_return, const void *result)
{
	return result == NULL;
}

SEC("?ksyscall/openat")
int BPF_KSYSCALL(on_openat, int dir, const char *path, int flags, int mode)
{
	sink = dir + (__u64)path + flags + mode + PT_REGS_PARM4_CORE_SYSCALL(PT_REGS_SYSCALL_REGS(ctx));
	return 0;
}

SEC("?ksyscall/sync")
int BPF_KPROBE_SYSCALL(on_sync)
{
	return 0;
}

SEC("?usdt/libc.so.6:libc:setjmp")
int BPF_USDT(on_probe, void *environment, int second, long third)
{
	sink = (__u64)environment + second + third + bpf_usdt_arg_cnt(ctx) + bpf_usdt_cookie(ctx);
	return bpf_usdt_arg_size(ctx, 0);
}

SEC("?tc")
int on_packet(struct __sk_buff *skb)
{
	bpf_tail_call_static(skb, &calls, 1);
	sink = bpf_map_lookup_elem(&outer, &(__u32){ 0 }) != NULL && bpf_map_lookup_elem(&pairs, &(__u32){ 0 }) != NULL;
	return 0;
}
