/* SPDX-License-Identifier: MIT */
/*
 * Programs at static probes of user programs (SEC("usdt/PATH:PROVIDER:NAME")). The compiler of the traced program
 * says where a probe's arguments lie: in a register, in memory, or in the instruction itself. The loader notes that
 * in a map, by an id that the program gets as its cookie.
 */
#ifndef __USDT_BPF_H__
#define __USDT_BPF_H__

#include <bpf/bpf_tracing.h>

/* Different descriptions of probes, in all programs of the object. */
#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
/* Places of probes, on kernels without cookies (before 5.15). */
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif
#define BPF_USDT_MAX_ARG_CNT 12

/* The layout of the two structures is known to every loader. */
enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST,	/* val_off itself */
	BPF_USDT_ARG_REG,	/* register at reg_off of struct pt_regs */
	BPF_USDT_ARG_REG_DEREF, /* memory at that register + val_off */
	BPF_USDT_ARG_SIB,	/* memory at that register + (register at idx_reg_off << scale_bitshift) + val_off */
};

struct __bpf_usdt_arg_spec {
	__u64 val_off;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	enum __bpf_usdt_arg_type arg_type : 8;
	__u16 idx_reg_off : 12;
	__u16 scale_bitshift : 4;
	__u8 __reserved : 8;
#else
	__u8 __reserved : 8;
	__u16 idx_reg_off : 12;
	__u16 scale_bitshift : 4;
	enum __bpf_usdt_arg_type arg_type : 8;
#endif
	short reg_off;
	_Bool arg_signed;
	/* 64 less the argument's bits. */
	char arg_bitshift;
};

struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	__u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

/* Error numbers, without the headers that name them. */
#define ___USDT_NO_SPEC (-3)	 /* ESRCH */
#define ___USDT_NO_ARGUMENT (-2) /* ENOENT */
#define ___USDT_BAD_SPEC (-22)	 /* EINVAL */

/* The description of the probe that was hit. */
static __always_inline struct __bpf_usdt_spec *___bpf_usdt_spec(struct pt_regs *ctx)
{
	int id;

	if (LINUX_HAS_BPF_COOKIE) {
		id = bpf_get_attach_cookie(ctx);
	} else {
		long place = PT_REGS_IP(ctx);
		__u32 *found = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &place);

		if (!found)
			return NULL;
		id = *found;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
}

/* The description of one argument, counted from 0; NULL where the probe has no such. */
static __always_inline struct __bpf_usdt_arg_spec *___bpf_usdt_arg_spec(struct __bpf_usdt_spec *spec, __u64 n)
{
	if (n >= BPF_USDT_MAX_ARG_CNT)
		return NULL;
	/* Both checks must stay: the verifier needs the constant one, the probe the other. */
	barrier_var(n);
	if (n >= spec->arg_cnt)
		return NULL;
	return &spec->args[n];
}

/* How many arguments the probe has, or a negative error. */
__weak __hidden int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);

	return spec ? spec->arg_cnt : ___USDT_NO_SPEC;
}

/* Bytes of an argument, or a negative error. */
static __always_inline int bpf_usdt_arg_size(struct pt_regs *ctx, __u64 arg_num)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);
	struct __bpf_usdt_arg_spec *arg;

	if (!spec)
		return ___USDT_NO_SPEC;
	arg = ___bpf_usdt_arg_spec(spec, arg_num);
	return arg ? (unsigned int)(64 - arg->arg_bitshift) / 8 : ___USDT_NO_ARGUMENT;
}

static __always_inline int ___bpf_usdt_register(struct pt_regs *ctx, int offset, unsigned long *value)
{
	return bpf_probe_read_kernel(value, sizeof(*value), (void *)ctx + offset);
}

/* Reads an argument into *res, which is 0 after an error. */
__weak __hidden int bpf_usdt_arg(struct pt_regs *ctx, __u64 arg_num, long *res)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);
	struct __bpf_usdt_arg_spec *arg;
	unsigned long value = 0, index = 0;
	int err = 0;

	*res = 0;
	if (!spec)
		return ___USDT_NO_SPEC;
	arg = ___bpf_usdt_arg_spec(spec, arg_num);
	if (!arg)
		return ___USDT_NO_ARGUMENT;

	if (arg->arg_type > BPF_USDT_ARG_SIB)
		return ___USDT_BAD_SPEC;
	if (arg->arg_type != BPF_USDT_ARG_CONST) {
		err = ___bpf_usdt_register(ctx, arg->reg_off, &value);
		if (err)
			return err;
	}
	if (arg->arg_type == BPF_USDT_ARG_SIB) {
		err = ___bpf_usdt_register(ctx, arg->idx_reg_off, &index);
		if (err)
			return err;
		value += index << arg->scale_bitshift;
	}
	if (arg->arg_type == BPF_USDT_ARG_CONST) {
		value = arg->val_off;
	} else if (arg->arg_type != BPF_USDT_ARG_REG) {
		err = bpf_probe_read_user(&value, sizeof(value), (void *)(value + arg->val_off));
		if (err)
			return err;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		value >>= arg->arg_bitshift;
#endif
	}

	/* Eight bytes were read, of which the argument's own remain. */
	value <<= arg->arg_bitshift;
	*res = arg->arg_signed ? (long)value >> arg->arg_bitshift : (long)(value >> arg->arg_bitshift);
	return 0;
}

/* The cookie that the user gave for this attachment; bpf_get_attach_cookie() gives the loader's own. */
__weak __hidden long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = ___bpf_usdt_spec(ctx);

	return spec ? spec->usdt_cookie : 0;
}

/* SEC("usdt/./server:http:request") int BPF_USDT(on_request, char *path, int length) { ... } */
#define ___bpf_usdt_value(n, x)                            \
	, ({                                               \
		long ___value;                             \
		bpf_usdt_arg(ctx, n - 1, &___value);       \
		___value;                                  \
	})
#define BPF_USDT(name, args...) \
	___bpf_program(name, struct pt_regs *ctx, (ctx ___bpf_each(___bpf_usdt_value, ##args)), ##args)

#endif
