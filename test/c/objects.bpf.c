// One of everything that a loader must understand. Programs of type tc and syscall are run by tests.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};
struct inner first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &first, [3] = &second } };

int leaf(struct __sk_buff *skb);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, int(void *));
} calls SEC(".maps") = { .values = { [2] = (void *)&leaf } };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 12);
} sized SEC(".maps");

/* Before BTF. */
struct {
	__u32 type, key_size, value_size, max_entries, flags;
} old SEC("maps") = { BPF_MAP_TYPE_ARRAY, 4, 8, 3, 0 };

const volatile int limit = 7;
int counter = 40;
int zero;
int custom SEC(".data.custom") = 5;
static int local_counter = 1;

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern int CONFIG_BPFKIT_NOTHING __kconfig __weak;
extern const void _stext __ksym;
extern const void bpfkit_no_symbol __ksym __weak;
extern void bpfkit_no_function(void) __ksym __weak;
extern struct task_struct *bpf_task_acquire___flavour(struct task_struct *p) __ksym __weak;
extern struct task_struct *bpf_task_release___wrong(int number) __ksym __weak;

struct task_struct___old {
	int pid;
	long state_before;
} __attribute__((preserve_access_index));

static __noinline int add(int a, int b)
{
	return a + b + local_counter;
}

__weak int overridable(int a)
{
	return a * 2;
}

static long each(__u32 index, int *sum)
{
	*sum += index;
	return 0;
}

SEC("tc")
int leaf(struct __sk_buff *skb)
{
	return 77;
}

SEC("tc")
int caller(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &calls, 2);
	return -1;
}

SEC("tc")
int nested(struct __sk_buff *skb)
{
	__u32 slot = 3, zero = 0, *value;
	void *map = bpf_map_lookup_elem(&outer, &slot);

	if (!map)
		return -1;
	value = bpf_map_lookup_elem(map, &zero);
	return value ? *value : -2;
}

SEC("syscall")
int globals(void *ctx)
{
	counter += limit;
	zero++;
	custom *= 2;
	local_counter++;
	return add(counter, overridable(custom));
}

SEC("syscall")
int symbols(void *ctx)
{
	if (LINUX_KERNEL_VERSION < KERNEL_VERSION(5, 10, 0) || !CONFIG_BPF_SYSCALL || CONFIG_BPFKIT_NOTHING)
		return 1;
	if (!&_stext || &bpfkit_no_symbol)
		return 2;
	if (bpf_ksym_exists(bpfkit_no_function))
		bpfkit_no_function();
	if (bpf_ksym_exists(bpf_task_release___wrong))
		return 4;
	return 0;
}

SEC("syscall")
int loops(void *ctx)
{
	int sum = 0;

	bpf_loop(5, each, &sum, 0);
	return sum;
}

SEC("syscall")
int flavours(void *ctx)
{
	struct task_struct___old *task = (void *)bpf_get_current_task();

	if (bpf_core_field_exists(task->state_before))
		return BPF_CORE_READ(task, state_before);
	return BPF_CORE_READ(task, pid) == (int)bpf_get_current_pid_tgid();
}

SEC("?syscall")
int unmet(void *ctx)
{
	struct task_struct___old *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, state_before);
}

SEC("?freplace/add")
int replacement(int a, int b)
{
	return a - b;
}

SEC("struct_ops/test_1")
int BPF_PROG(test_1, struct bpf_dummy_ops_state *state)
{
	return state ? 5 : 6;
}

SEC(".struct_ops")
struct bpf_dummy_ops dummy = { .test_1 = (void *)test_1 };

extern void bpf_throw(__u64 cookie) __weak __ksym;

__noinline int thrown(__u64 cookie)
{
	return cookie + 1;
}

SEC("?tc")
__attribute__((btf_decl_tag("exception_callback:thrown")))
int throws(struct __sk_buff *skb)
{
	if (skb->len > 14)
		bpf_throw(40);
	return 2;
}

/* A struct in the kernel, no number. */
extern const int runqueues __ksym;

SEC("?syscall")
int wrong_symbol(void *ctx)
{
	return *(const int *)bpf_this_cpu_ptr(&runqueues);
}

const char bpf_metadata_author[] SEC(".rodata.meta") __attribute__((used)) = "us";
