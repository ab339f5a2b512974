/* SPDX-License-Identifier: MIT */
/*
 * Arguments of traced functions: registers by their role in the calling convention, and programs written like
 * plain functions. Include bpf_core_read.h for what ends in _CORE, and for BPF_KSYSCALL.
 *
 * The architecture is that of __TARGET_ARCH_x86, _arm64, _s390, _arm, _mips, _powerpc, _sparc, _riscv, _arc or
 * _loongarch; `bpfkit cc` defines the machine's own.
 */
#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#include <bpf/bpf_helpers.h>

/*
 * One block an architecture: the members of the register structure for arguments (1 to 8), for arguments of
 * system calls where they differ (1, 4 to 7), return address, frame pointer, result, stack pointer, program
 * counter. __PT_REGS_CAST gives that structure, which is not everywhere what the kernel calls pt_regs.
 * ___PT_PLAIN_SYSCALLS: system calls are plain functions, with no wrapper that takes a struct pt_regs.
 */
#if defined(__TARGET_ARCH_x86)
#define bpf_target_x86
#if defined(__KERNEL__) || defined(__VMLINUX_H__)
#define ___PT_X86(kernel, user) kernel
#else
#define ___PT_X86(kernel, user) user
#endif
#define __PT_PARM1_REG ___PT_X86(di, rdi)
#define __PT_PARM2_REG ___PT_X86(si, rsi)
#define __PT_PARM3_REG ___PT_X86(dx, rdx)
#define __PT_PARM4_REG ___PT_X86(cx, rcx)
#define __PT_PARM5_REG r8
#define __PT_PARM6_REG r9
/* The instruction syscall overwrites rcx. */
#define __PT_PARM4_SYSCALL_REG r10
/* The return address lies on the stack, at the start of a function. */
#define __PT_RET_REG ___PT_X86(sp, rsp)
#define __PT_FP_REG ___PT_X86(bp, rbp)
#define __PT_RC_REG ___PT_X86(ax, rax)
#define __PT_SP_REG ___PT_X86(sp, rsp)
#define __PT_IP_REG ___PT_X86(ip, rip)

#elif defined(__TARGET_ARCH_arm64)
#define bpf_target_arm64
#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define __PT_PARM1_REG regs[0]
#define __PT_PARM2_REG regs[1]
#define __PT_PARM3_REG regs[2]
#define __PT_PARM4_REG regs[3]
#define __PT_PARM5_REG regs[4]
#define __PT_PARM6_REG regs[5]
#define __PT_PARM7_REG regs[6]
#define __PT_PARM8_REG regs[7]
/* The result of a system call takes the place of its first argument, which is kept apart. */
struct pt_regs___arm64 {
	unsigned long orig_x0;
} __attribute__((preserve_access_index));
#define ___PT_FIRST_SYSCALL_CAST(x) ((const struct pt_regs___arm64 *)(x))
#define __PT_PARM1_SYSCALL_REG orig_x0
#define __PT_RET_REG regs[30]
#define __PT_FP_REG regs[29]
#define __PT_RC_REG regs[0]
#define __PT_SP_REG sp
#define __PT_IP_REG pc

#elif defined(__TARGET_ARCH_s390)
#define bpf_target_s390
#define __PT_REGS_CAST(x) ((const user_pt_regs *)(x))
#define __PT_PARM1_REG gprs[2]
#define __PT_PARM2_REG gprs[3]
#define __PT_PARM3_REG gprs[4]
#define __PT_PARM4_REG gprs[5]
#define __PT_PARM5_REG gprs[6]
struct pt_regs___s390 {
	unsigned long orig_gpr2;
} __attribute__((preserve_access_index));
#define ___PT_FIRST_SYSCALL_CAST(x) ((const struct pt_regs___s390 *)(x))
#define __PT_PARM1_SYSCALL_REG orig_gpr2
#define __PT_PARM6_SYSCALL_REG gprs[7]
#define __PT_RET_REG gprs[14]
#define __PT_FP_REG gprs[11]
#define __PT_RC_REG gprs[2]
#define __PT_SP_REG gprs[15]
#define __PT_IP_REG psw.addr

#elif defined(__TARGET_ARCH_arm)
#define bpf_target_arm
#define __PT_PARM1_REG uregs[0]
#define __PT_PARM2_REG uregs[1]
#define __PT_PARM3_REG uregs[2]
#define __PT_PARM4_REG uregs[3]
#define __PT_PARM5_SYSCALL_REG uregs[4]
#define __PT_PARM6_SYSCALL_REG uregs[5]
#define __PT_PARM7_SYSCALL_REG uregs[6]
#define __PT_RET_REG uregs[14]
#define __PT_FP_REG uregs[11]
#define __PT_RC_REG uregs[0]
#define __PT_SP_REG uregs[13]
#define __PT_IP_REG uregs[12]

#elif defined(__TARGET_ARCH_mips)
#define bpf_target_mips
#define __PT_PARM1_REG regs[4]
#define __PT_PARM2_REG regs[5]
#define __PT_PARM3_REG regs[6]
#define __PT_PARM4_REG regs[7]
#define __PT_PARM5_REG regs[8]
#define __PT_PARM6_REG regs[9]
#define __PT_PARM7_REG regs[10]
#define __PT_PARM8_REG regs[11]
#define __PT_RET_REG regs[31]
#define __PT_FP_REG regs[30]
#define __PT_RC_REG regs[2]
#define __PT_SP_REG regs[29]
#define __PT_IP_REG cp0_epc

#elif defined(__TARGET_ARCH_powerpc)
#define bpf_target_powerpc
#define ___PT_PLAIN_SYSCALLS
#define __PT_PARM1_REG gpr[3]
#define __PT_PARM2_REG gpr[4]
#define __PT_PARM3_REG gpr[5]
#define __PT_PARM4_REG gpr[6]
#define __PT_PARM5_REG gpr[7]
#define __PT_PARM6_REG gpr[8]
#define __PT_PARM7_REG gpr[9]
#define __PT_PARM8_REG gpr[10]
#define __PT_PARM1_SYSCALL_REG orig_gpr3
#define __PT_RET_REG regs[31]
#define __PT_RC_REG gpr[3]
#define __PT_SP_REG gpr[1]
#define __PT_IP_REG nip

#elif defined(__TARGET_ARCH_sparc)
#define bpf_target_sparc
#define __PT_PARM1_REG u_regs[UREG_I0]
#define __PT_PARM2_REG u_regs[UREG_I1]
#define __PT_PARM3_REG u_regs[UREG_I2]
#define __PT_PARM4_REG u_regs[UREG_I3]
#define __PT_PARM5_REG u_regs[UREG_I4]
#define __PT_PARM6_REG u_regs[UREG_I5]
#define __PT_RET_REG u_regs[UREG_I7]
#define __PT_RC_REG u_regs[UREG_I0]
#define __PT_SP_REG u_regs[UREG_FP]
#define __PT_IP_REG tpc

#elif defined(__TARGET_ARCH_riscv)
#define bpf_target_riscv
#define __PT_REGS_CAST(x) ((const struct user_regs_struct *)(x))
#define __PT_PARM1_REG a0
#define __PT_PARM2_REG a1
#define __PT_PARM3_REG a2
#define __PT_PARM4_REG a3
#define __PT_PARM5_REG a4
#define __PT_PARM6_REG a5
#define __PT_PARM7_REG a6
#define __PT_PARM8_REG a7
struct pt_regs___riscv {
	unsigned long orig_a0;
} __attribute__((preserve_access_index));
#define ___PT_FIRST_SYSCALL_CAST(x) ((const struct pt_regs___riscv *)(x))
#define __PT_PARM1_SYSCALL_REG orig_a0
#define __PT_RET_REG ra
#define __PT_FP_REG s0
#define __PT_RC_REG a0
#define __PT_SP_REG sp
#define __PT_IP_REG pc

#elif defined(__TARGET_ARCH_arc)
#define bpf_target_arc
#define ___PT_PLAIN_SYSCALLS
#define __PT_REGS_CAST(x) ((const struct user_regs_struct *)(x))
#define __PT_PARM1_REG scratch.r0
#define __PT_PARM2_REG scratch.r1
#define __PT_PARM3_REG scratch.r2
#define __PT_PARM4_REG scratch.r3
#define __PT_PARM5_REG scratch.r4
#define __PT_PARM6_REG scratch.r5
#define __PT_PARM7_REG scratch.r6
#define __PT_PARM8_REG scratch.r7
#define __PT_RET_REG scratch.blink
#define __PT_FP_REG scratch.fp
#define __PT_RC_REG scratch.r0
#define __PT_SP_REG scratch.sp
#define __PT_IP_REG scratch.ret

#elif defined(__TARGET_ARCH_loongarch)
#define bpf_target_loongarch
#define ___PT_PLAIN_SYSCALLS
#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define __PT_PARM1_REG regs[4]
#define __PT_PARM2_REG regs[5]
#define __PT_PARM3_REG regs[6]
#define __PT_PARM4_REG regs[7]
#define __PT_PARM5_REG regs[8]
#define __PT_PARM6_REG regs[9]
#define __PT_PARM7_REG regs[10]
#define __PT_PARM8_REG regs[11]
#define __PT_RET_REG regs[1]
#define __PT_FP_REG regs[22]
#define __PT_RC_REG regs[4]
#define __PT_SP_REG regs[3]
#define __PT_IP_REG csr_era

#else
/* Only programs that ask for a register need to know the architecture. */
#define ___PT_NO_TARGET
#endif

struct pt_regs;

#ifndef __PT_REGS_CAST
#define __PT_REGS_CAST(x) (x)
#endif

/* What an architecture does not pass in registers: a member that no structure has, so that its use is an error. */
#ifndef __PT_PARM5_REG
#define __PT_PARM5_REG __unsupported__
#endif
#ifndef __PT_PARM6_REG
#define __PT_PARM6_REG __unsupported__
#endif
#ifndef __PT_PARM7_REG
#define __PT_PARM7_REG __unsupported__
#endif
#ifndef __PT_PARM8_REG
#define __PT_PARM8_REG __unsupported__
#endif
#ifndef __PT_FP_REG
#define __PT_FP_REG __unsupported__
#endif

#ifndef ___PT_FIRST_SYSCALL_CAST
#define ___PT_FIRST_SYSCALL_CAST(x) __PT_REGS_CAST(x)
#endif
#ifndef __PT_PARM1_SYSCALL_REG
#define __PT_PARM1_SYSCALL_REG __PT_PARM1_REG
#endif
#define __PT_PARM2_SYSCALL_REG __PT_PARM2_REG
#define __PT_PARM3_SYSCALL_REG __PT_PARM3_REG
#ifndef __PT_PARM4_SYSCALL_REG
#define __PT_PARM4_SYSCALL_REG __PT_PARM4_REG
#endif
#ifndef __PT_PARM5_SYSCALL_REG
#define __PT_PARM5_SYSCALL_REG __PT_PARM5_REG
#endif
#ifndef __PT_PARM6_SYSCALL_REG
#define __PT_PARM6_SYSCALL_REG __PT_PARM6_REG
#endif
#ifndef __PT_PARM7_SYSCALL_REG
#define __PT_PARM7_SYSCALL_REG __PT_PARM7_REG
#endif

#ifdef ___PT_NO_TARGET
#define ___pt_get(regs, role)                                                                                  \
	({                                                                                                     \
		_Pragma("GCC error \"Say what machine the program is for: -D__TARGET_ARCH_x86, _arm64 ...\""); \
		0l;                                                                                            \
	})
#define ___pt_get_core ___pt_get
#else
#define ___pt_get(regs, role) ((regs)->role)
#define ___pt_get_core(regs, role) BPF_CORE_READ(regs, role)
#endif

/* Arguments of functions. */
#define PT_REGS_PARM1(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM1_REG)
#define PT_REGS_PARM2(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM2_REG)
#define PT_REGS_PARM3(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM3_REG)
#define PT_REGS_PARM4(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM4_REG)
#define PT_REGS_PARM5(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM5_REG)
#define PT_REGS_PARM6(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM6_REG)
#define PT_REGS_PARM7(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM7_REG)
#define PT_REGS_PARM8(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM8_REG)
#define PT_REGS_PARM1_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM1_REG)
#define PT_REGS_PARM2_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM2_REG)
#define PT_REGS_PARM3_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM3_REG)
#define PT_REGS_PARM4_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM4_REG)
#define PT_REGS_PARM5_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM5_REG)
#define PT_REGS_PARM6_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM6_REG)
#define PT_REGS_PARM7_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM7_REG)
#define PT_REGS_PARM8_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM8_REG)

/* Return address, frame pointer, result, stack pointer, program counter. */
#define PT_REGS_RET(x) ___pt_get(__PT_REGS_CAST(x), __PT_RET_REG)
#define PT_REGS_FP(x) ___pt_get(__PT_REGS_CAST(x), __PT_FP_REG)
#define PT_REGS_RC(x) ___pt_get(__PT_REGS_CAST(x), __PT_RC_REG)
#define PT_REGS_SP(x) ___pt_get(__PT_REGS_CAST(x), __PT_SP_REG)
#define PT_REGS_IP(x) ___pt_get(__PT_REGS_CAST(x), __PT_IP_REG)
#define PT_REGS_RET_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_RET_REG)
#define PT_REGS_FP_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_FP_REG)
#define PT_REGS_RC_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_RC_REG)
#define PT_REGS_SP_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_SP_REG)
#define PT_REGS_IP_CORE(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_IP_REG)

/* Arguments of system calls; `x` is what PT_REGS_SYSCALL_REGS gives. */
#define PT_REGS_PARM1_SYSCALL(x) ___pt_get(___PT_FIRST_SYSCALL_CAST(x), __PT_PARM1_SYSCALL_REG)
#define PT_REGS_PARM2_SYSCALL(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM2_SYSCALL_REG)
#define PT_REGS_PARM3_SYSCALL(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM3_SYSCALL_REG)
#define PT_REGS_PARM4_SYSCALL(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM4_SYSCALL_REG)
#define PT_REGS_PARM5_SYSCALL(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM5_SYSCALL_REG)
#define PT_REGS_PARM6_SYSCALL(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM6_SYSCALL_REG)
#define PT_REGS_PARM7_SYSCALL(x) ___pt_get(__PT_REGS_CAST(x), __PT_PARM7_SYSCALL_REG)
#define PT_REGS_PARM1_CORE_SYSCALL(x) ___pt_get_core(___PT_FIRST_SYSCALL_CAST(x), __PT_PARM1_SYSCALL_REG)
#define PT_REGS_PARM2_CORE_SYSCALL(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM2_SYSCALL_REG)
#define PT_REGS_PARM3_CORE_SYSCALL(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM3_SYSCALL_REG)
#define PT_REGS_PARM4_CORE_SYSCALL(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM4_SYSCALL_REG)
#define PT_REGS_PARM5_CORE_SYSCALL(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM5_SYSCALL_REG)
#define PT_REGS_PARM6_CORE_SYSCALL(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM6_SYSCALL_REG)
#define PT_REGS_PARM7_CORE_SYSCALL(x) ___pt_get_core(__PT_REGS_CAST(x), __PT_PARM7_SYSCALL_REG)

/* In a kprobe of a system call's entry function: the registers that hold the system call's arguments. */
#ifdef ___PT_PLAIN_SYSCALLS
#define PT_REGS_SYSCALL_REGS(ctx) ctx
#else
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
#endif

/* Where a function was called from: at its start, and at its return. */
#if defined(bpf_target_x86)
#define BPF_KPROBE_READ_RET_IP(ip, ctx) bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)PT_REGS_RET(ctx))
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \
	bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)(PT_REGS_FP(ctx) + sizeof(ip)))
#elif defined(bpf_target_powerpc)
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = (ctx)->link; })
#define BPF_KRETPROBE_READ_RET_IP BPF_KPROBE_READ_RET_IP
#elif defined(bpf_target_sparc) || defined(bpf_target_arm64)
#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = PT_REGS_RET(ctx); })
#define BPF_KRETPROBE_READ_RET_IP BPF_KPROBE_READ_RET_IP
#else
#define BPF_KPROBE_READ_RET_IP(ip, ctx) bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)PT_REGS_RET(ctx))
#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \
	bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)(PT_REGS_FP(ctx) + sizeof(ip)))
#endif

/*
 * Programs whose context is an array of 64-bit numbers (fentry, fexit, tp_btf, lsm, struct_ops, iter ...):
 *   SEC("fentry/vfs_read") int BPF_PROG(on_read, struct file *file) { ... }
 * The context itself is `ctx` in this and all following macros.
 */
#define ___bpf_ctx_number(n, x) , ctx[n - 1]
#define BPF_PROG(name, args...) \
	___bpf_program(name, unsigned long long *ctx, (ctx ___bpf_each(___bpf_ctx_number, ##args)), ##args)

/*
 * The same for functions that take structures by value: types and names are separate arguments,
 *   SEC("fentry/f") int BPF_PROG2(on_f, struct pair, both, int, flags) { ... }
 * A value takes as many numbers as it needs; the structure lays them out as the context has them.
 */
#define ___bpf_numbers_of(t) ((sizeof(t) + 7) / 8)
#define ___bpf_number_member(t, x) unsigned long long x[___bpf_numbers_of(t)];
#define ___bpf_typed_parameter(t, x) , t x
#define ___bpf_typed_value(t, x)                                                                      \
	, ({                                                                                          \
		union {                                                                               \
			unsigned long long numbers[2];                                                \
			t value;                                                                      \
		} ___both = { .numbers = { ___numbers->x[0],                                          \
					   ___bpf_numbers_of(t) > 1                                   \
						   ? ___numbers->x[___bpf_numbers_of(t) - 1]          \
						   : 0 } };                                           \
		___both.value;                                                                        \
	})
#define BPF_PROG2(name, args...)                                                                      \
	name(unsigned long long *ctx);                                                                \
	static __always_inline typeof(name(0))                                                        \
		____##name(unsigned long long *ctx ___bpf_pairs(___bpf_typed_parameter, ##args));     \
	typeof(name(0)) name(unsigned long long *ctx)                                                 \
	{                                                                                             \
		struct {                                                                              \
			___bpf_pairs(___bpf_number_member, ##args)                                    \
		} *___numbers __attribute__((unused)) = (void *)ctx;                                  \
		return ____##name(ctx ___bpf_pairs(___bpf_typed_value, ##args));                      \
	}                                                                                             \
	static __always_inline typeof(name(0))                                                        \
		____##name(unsigned long long *ctx ___bpf_pairs(___bpf_typed_parameter, ##args))

/* Programs whose context is struct pt_regs, at the start of a function and at its return. */
#define ___bpf_register(n, x) , (void *)PT_REGS_PARM##n(ctx)
#define BPF_KPROBE(name, args...) \
	___bpf_program(name, struct pt_regs *ctx, (ctx ___bpf_each(___bpf_register, ##args)), ##args)

#define ___bpf_result(n, x) , (void *)PT_REGS_RC(ctx)
#define BPF_KRETPROBE(name, args...) \
	___bpf_program(name, struct pt_regs *ctx, (ctx ___bpf_each(___bpf_result, ##args)), ##args)

#define BPF_UPROBE(name, args...) BPF_KPROBE(name, ##args)
#define BPF_URETPROBE(name, args...) BPF_KRETPROBE(name, ##args)

/*
 * System calls, by a kprobe of their entry function (SEC("ksyscall/NAME")). Where entry functions are wrapped
 * their only argument is a struct pt_regs that holds the system call's; which it is, the loader knows.
 */
#define ___bpf_wrapped_argument(n, x) , (void *)PT_REGS_PARM##n##_CORE_SYSCALL(___regs)
#define ___bpf_plain_argument(n, x) , (void *)PT_REGS_PARM##n##_SYSCALL(ctx)
#define BPF_KSYSCALL(name, args...)                                                                     \
	name(struct pt_regs *ctx);                                                                      \
	extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;                                               \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args);                 \
	typeof(name(0)) name(struct pt_regs *ctx)                                                       \
	{                                                                                               \
		_Pragma("GCC diagnostic push")                                                          \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")                                  \
		if (LINUX_HAS_SYSCALL_WRAPPER) {                                                        \
			struct pt_regs *___regs __attribute__((unused)) =                               \
				(struct pt_regs *)PT_REGS_PARM1(ctx);                                   \
			return ____##name(ctx ___bpf_each(___bpf_wrapped_argument, ##args));            \
		}                                                                                       \
		return ____##name(ctx ___bpf_each(___bpf_plain_argument, ##args));                      \
		_Pragma("GCC diagnostic pop")                                                           \
	}                                                                                               \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args)

#define BPF_KPROBE_SYSCALL BPF_KSYSCALL

#endif
