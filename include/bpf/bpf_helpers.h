/* SPDX-License-Identifier: MIT */
/*
 * What BPF programs in C are written with: sections, maps, attributes, helpers, output, loops.
 * Include vmlinux.h or <linux/bpf.h> (and <linux/types.h>) before it.
 */
#ifndef __BPF_HELPERS__
#define __BPF_HELPERS__

#include <bpf/bpf_arguments.h>

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

#include <bpf/bpf_helper_defs.h>

/* Members of a map's definition in section .maps: a number is the length of an array type. */
#define __uint(name, val) int (*name)[val]
#define __ulong(name, val) enum { ___bpf_concat(__unique_value, __COUNTER__) = val } name
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]

/* The section of a program, a map or a variable. Declarations carry it too, where clang would warn. */
#if defined(__clang__)
#define SEC(name)                                                       \
	_Pragma("GCC diagnostic push")                                  \
	_Pragma("GCC diagnostic ignored \"-Wignored-attributes\"")      \
	__attribute__((section(name), used))                            \
	_Pragma("GCC diagnostic pop")
#else
#define SEC(name) __attribute__((section(name), used))
#endif

/* Headers of the C library may have defined these with less. */
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
/* A global function that is verified with its callers, like a static one. */
#define __hidden __attribute__((visibility("hidden")))

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif
#ifndef offsetof
#define offsetof(type, member) ((unsigned long)&((type *)0)->member)
#endif
#ifndef container_of
#define container_of(ptr, type, member)                                     \
	({                                                                  \
		void *___member = (void *)(ptr);                            \
		(type *)(___member - offsetof(type, member));               \
	})
#endif

/* The compiler moves no memory access over it. */
#ifndef barrier
#define barrier() asm volatile("" ::: "memory")
#endif
/* The compiler knows nothing about the variable any more, and keeps the checks made of it. */
#ifndef barrier_var
#define barrier_var(var) asm volatile("" : "+r"(var))
#endif

/* Fails the build where the compiler cannot prove that it is never reached. */
#ifndef __bpf_unreachable
#define __bpf_unreachable() __builtin_trap()
#endif

/* A tail call whose slot is a constant, for which the kernel can patch in a direct jump. */
#if __clang_major__ >= 8 && defined(__bpf__)
static __always_inline void bpf_tail_call_static(void *ctx, const void *map, const __u32 slot)
{
	if (!__builtin_constant_p(slot))
		__bpf_unreachable();
	/* The three registers must be set right before the call, from a number for the third. */
	asm volatile("r1 = %[context]\n\t"
		     "r2 = %[table]\n\t"
		     "r3 = %[index]\n\t"
		     "call 12"
		     :
		     : [context] "r"(ctx), [table] "r"(map), [index] "i"(slot)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
}
#endif

/* Values of the member `pinning` of a map. */
enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	LIBBPF_PIN_BY_NAME,
};

/* Values of a tristate option of the kernel's configuration. */
enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};

/* A variable that the loader sets from the kernel's configuration. */
#define __kconfig __attribute__((section(".kconfig")))
/* A function or variable of the kernel. */
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

/* Pointers that map values may hold. */
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))

/* Is a weak kernel symbol there? */
#if defined(__clang__)
#define bpf_ksym_exists(sym)                                                                      \
	({                                                                                        \
		_Static_assert(!__builtin_constant_p(!!(sym)), #sym " must be declared __weak");  \
		!!(sym);                                                                          \
	})
#else
#define bpf_ksym_exists(sym) (!!(sym))
#endif

/* What the verifier may assume of a global function's arguments. */
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

/* Output. Arguments travel as 64-bit numbers; formats lie in .rodata where the kernel has it. */
#define ___bpf_store(n, x) ___param[n - 1] = (unsigned long long)(x);
#define ___bpf_fill_params(args...)                                                   \
	unsigned long long ___param[___bpf_narg(args)];                               \
	_Pragma("GCC diagnostic push")                                                \
	_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")                        \
	_Pragma("GCC diagnostic ignored \"-Wpointer-to-int-cast\"")                   \
	___bpf_each(___bpf_store, ##args)                                             \
	_Pragma("GCC diagnostic pop")

#define BPF_SEQ_PRINTF(seq, fmt, args...)                                             \
	({                                                                            \
		static const char ___fmt[] = fmt;                                     \
		___bpf_fill_params(args)                                              \
		bpf_seq_printf(seq, ___fmt, sizeof(___fmt), ___param, sizeof(___param)); \
	})

#define BPF_SNPRINTF(out, out_size, fmt, args...)                                     \
	({                                                                            \
		static const char ___fmt[] = fmt;                                     \
		___bpf_fill_params(args)                                              \
		bpf_snprintf(out, out_size, ___fmt, ___param, sizeof(___param));      \
	})

#ifdef BPF_NO_GLOBAL_DATA
#define BPF_PRINTK_FMT_MOD
#else
#define BPF_PRINTK_FMT_MOD static const
#endif

#define ___bpf_printk_few(fmt, args...)                                               \
	({                                                                            \
		BPF_PRINTK_FMT_MOD char ___fmt[] = fmt;                               \
		bpf_trace_printk(___fmt, sizeof(___fmt), ##args);                     \
	})
#define ___bpf_printk_many(fmt, args...)                                              \
	({                                                                            \
		static const char ___fmt[] = fmt;                                     \
		___bpf_fill_params(args)                                              \
		bpf_trace_vprintk(___fmt, sizeof(___fmt), ___param, sizeof(___param)); \
	})
#define ___bpf_pick_printk(...)                                                                           \
	___bpf_nth(_, ##__VA_ARGS__, ___bpf_printk_many, ___bpf_printk_many, ___bpf_printk_many,          \
		   ___bpf_printk_many, ___bpf_printk_many, ___bpf_printk_many, ___bpf_printk_many,        \
		   ___bpf_printk_many, ___bpf_printk_many, ___bpf_printk_few, ___bpf_printk_few,          \
		   ___bpf_printk_few, ___bpf_printk_few)
#define __bpf_printk ___bpf_printk_few
#define __bpf_vprintk ___bpf_printk_many

/* Prints a line to the kernel's trace_pipe; more than three values need Linux 5.16. */
#define bpf_printk(fmt, args...) ___bpf_pick_printk(args)(fmt, ##args)

/* Prints to one of the program's own streams (Linux 6.17). */
#define bpf_stream_printk(stream_id, fmt, args...)                                                 \
	({                                                                                         \
		static const char ___fmt[] = fmt;                                                  \
		___bpf_fill_params(args)                                                           \
		bpf_stream_vprintk(stream_id, ___fmt, ___param, sizeof(___param));                 \
	})

/* Loops over an open-coded iterator `bpf_iter_TYPE` (Linux 6.4), which is destroyed however they are left. */
struct bpf_iter_num;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

/* The call to destroy is named a second time since clang drops the BTF of a function that only cleanup names. */
#define ___bpf_iterator(type, args...)                                                              \
	struct bpf_iter_##type ___it __attribute__((aligned(8), cleanup(bpf_iter_##type##_destroy))), \
		*___unused __attribute__((unused)) =                                                \
			(bpf_iter_##type##_new(&___it, ##args),                                     \
			 (void)bpf_iter_##type##_destroy, (void *)0)

#ifndef bpf_for_each
#define bpf_for_each(type, cur, args...) \
	for (___bpf_iterator(type, ##args); ((cur) = bpf_iter_##type##_next(&___it));)
#endif

/* start <= i < end; the bounds are looked at again so that the verifier knows them. */
#ifndef bpf_for
#define bpf_for(i, start, end)                                                              \
	for (___bpf_iterator(num, (start), (end)); ({                                       \
		     int *___next = bpf_iter_num_next(&___it);                              \
		     (i) = ___next ? *___next : 0;                                          \
		     ___next && (i) >= (start) && (i) < (end);                              \
	     });)
#endif

#ifndef bpf_repeat
#define bpf_repeat(n) for (___bpf_iterator(num, 0, (n)); bpf_iter_num_next(&___it);)
#endif

#endif
