/* SPDX-License-Identifier: MIT */
/*
 * CO-RE: reads and questions that the loader fits to the kernel it loads into.
 */
#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__

#include <bpf/bpf_helpers.h>

/* What is asked of a field; numbers of clang's __builtin_preserve_field_info. */
enum bpf_field_info_kind {
	BPF_FIELD_BYTE_OFFSET = 0,
	BPF_FIELD_BYTE_SIZE = 1,
	BPF_FIELD_EXISTS = 2,
	BPF_FIELD_SIGNED = 3,
	BPF_FIELD_LSHIFT_U64 = 4,
	BPF_FIELD_RSHIFT_U64 = 5,
};

/* __builtin_btf_type_id */
enum bpf_type_id_kind {
	BPF_TYPE_ID_LOCAL = 0,
	BPF_TYPE_ID_TARGET = 1,
};

/* __builtin_preserve_type_info */
enum bpf_type_info_kind {
	BPF_TYPE_EXISTS = 0,
	BPF_TYPE_SIZE = 1,
	BPF_TYPE_MATCHES = 2,
};

/* __builtin_preserve_enum_value */
enum bpf_enum_value_kind {
	BPF_ENUMVAL_EXISTS = 0,
	BPF_ENUMVAL_VALUE = 1,
};

/* Questions about a field: (variable->field), or (type, field). */
#define ___bpf_field1(field) field
#define ___bpf_field2(type, field) ((typeof(type) *)0)->field
#define ___bpf_field_info(kind, field...) \
	__builtin_preserve_field_info(___bpf_apply(___bpf_field, ___bpf_narg(field))(field), kind)

#define bpf_core_field_exists(field...) ___bpf_field_info(BPF_FIELD_EXISTS, field)
#define bpf_core_field_size(field...) ___bpf_field_info(BPF_FIELD_BYTE_SIZE, field)
#define bpf_core_field_offset(field...) ___bpf_field_info(BPF_FIELD_BYTE_OFFSET, field)

/* Questions about a type. */
#define ___bpf_some(type) (*(typeof(type) *)0)
#define bpf_core_type_id_local(type) __builtin_btf_type_id(___bpf_some(type), BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(___bpf_some(type), BPF_TYPE_ID_TARGET)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(___bpf_some(type), BPF_TYPE_EXISTS)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(___bpf_some(type), BPF_TYPE_MATCHES)
#define bpf_core_type_size(type) __builtin_preserve_type_info(___bpf_some(type), BPF_TYPE_SIZE)

/* Questions about an enumerator. */
#define bpf_core_enum_value_exists(type, value) \
	__builtin_preserve_enum_value(*(typeof(type) *)value, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(type, value) \
	__builtin_preserve_enum_value(*(typeof(type) *)value, BPF_ENUMVAL_VALUE)

/* A pointer whose fields can be read as those of a trusted one (Linux 6.2). */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __weak __ksym;
#define bpf_core_cast(ptr, type) ((typeof(type) *)bpf_rdonly_cast((ptr), bpf_core_type_id_kernel(type)))

/* Reads whose address is relocated. */
#define ___bpf_relocated(address) ((const void *)__builtin_preserve_access_index(address))
#define bpf_core_read(dst, sz, src) bpf_probe_read_kernel(dst, sz, ___bpf_relocated(src))
#define bpf_core_read_user(dst, sz, src) bpf_probe_read_user(dst, sz, ___bpf_relocated(src))
#define bpf_core_read_str(dst, sz, src) bpf_probe_read_kernel_str(dst, sz, ___bpf_relocated(src))
#define bpf_core_read_user_str(dst, sz, src) bpf_probe_read_user_str(dst, sz, ___bpf_relocated(src))

/*
 * A path of fields through pointers: each hop is an expression that reads one pointer and is the next one's
 * start. Its local carries no qualifiers of the field, since it is written to.
 */
#define ___bpf_hop(fn, src, field)                                                      \
	({                                                                              \
		__auto_type ___at = (src);                                              \
		typeof(1 ? ___at->field : ___at->field) ___pointer;                     \
		fn((void *)&___pointer, sizeof(___pointer), &___at->field);             \
		___pointer;                                                             \
	})
#define ___bpf_end(fn, dst, src, field)                                                 \
	({                                                                              \
		__auto_type ___at = (src);                                              \
		fn((void *)(dst), sizeof(*(dst)), &___at->field);                       \
	})

#define ___bpf_way0(f, s) s
#define ___bpf_way1(f, s, a) ___bpf_hop(f, s, a)
#define ___bpf_way2(f, s, a, b) ___bpf_hop(f, ___bpf_way1(f, s, a), b)
#define ___bpf_way3(f, s, a, b, c) ___bpf_hop(f, ___bpf_way2(f, s, a, b), c)
#define ___bpf_way4(f, s, a, b, c, d) ___bpf_hop(f, ___bpf_way3(f, s, a, b, c), d)
#define ___bpf_way5(f, s, a, b, c, d, e) ___bpf_hop(f, ___bpf_way4(f, s, a, b, c, d), e)
#define ___bpf_way6(f, s, a, b, c, d, e, g) ___bpf_hop(f, ___bpf_way5(f, s, a, b, c, d, e), g)
#define ___bpf_way7(f, s, a, b, c, d, e, g, h) ___bpf_hop(f, ___bpf_way6(f, s, a, b, c, d, e, g), h)
#define ___bpf_way8(f, s, a, b, c, d, e, g, h, i) ___bpf_hop(f, ___bpf_way7(f, s, a, b, c, d, e, g, h), i)
#define ___bpf_way9(f, s, a, b, c, d, e, g, h, i, j) \
	___bpf_hop(f, ___bpf_way8(f, s, a, b, c, d, e, g, h, i), j)

#define ___bpf_path1(e, f, dst, s, a) ___bpf_end(e, dst, s, a)
#define ___bpf_path2(e, f, dst, s, a, b) ___bpf_end(e, dst, ___bpf_way1(f, s, a), b)
#define ___bpf_path3(e, f, dst, s, a, b, c) ___bpf_end(e, dst, ___bpf_way2(f, s, a, b), c)
#define ___bpf_path4(e, f, dst, s, a, b, c, d) ___bpf_end(e, dst, ___bpf_way3(f, s, a, b, c), d)
#define ___bpf_path5(e, f, dst, s, a, b, c, d, g) ___bpf_end(e, dst, ___bpf_way4(f, s, a, b, c, d), g)
#define ___bpf_path6(e, f, dst, s, a, b, c, d, g, h) ___bpf_end(e, dst, ___bpf_way5(f, s, a, b, c, d, g), h)
#define ___bpf_path7(e, f, dst, s, a, b, c, d, g, h, i) \
	___bpf_end(e, dst, ___bpf_way6(f, s, a, b, c, d, g, h), i)
#define ___bpf_path8(e, f, dst, s, a, b, c, d, g, h, i, j) \
	___bpf_end(e, dst, ___bpf_way7(f, s, a, b, c, d, g, h, i), j)
#define ___bpf_path9(e, f, dst, s, a, b, c, d, g, h, i, j, k) \
	___bpf_end(e, dst, ___bpf_way8(f, s, a, b, c, d, g, h, i, j), k)
#define ___bpf_path10(e, f, dst, s, a, b, c, d, g, h, i, j, k, l) \
	___bpf_end(e, dst, ___bpf_way9(f, s, a, b, c, d, g, h, i, j, k), l)
#define ___bpf_path(end, hop, dst, src, fields...) \
	___bpf_apply(___bpf_path, ___bpf_narg(fields))(end, hop, dst, src, fields)

/* Read what `src->a->b->...` holds into *dst; the result is that of the last read. */
#define BPF_CORE_READ_INTO(dst, src, a, ...) \
	___bpf_path(bpf_core_read, bpf_core_read, dst, src, a, ##__VA_ARGS__)
#define BPF_CORE_READ_USER_INTO(dst, src, a, ...) \
	___bpf_path(bpf_core_read_user, bpf_core_read_user, dst, src, a, ##__VA_ARGS__)
#define BPF_CORE_READ_STR_INTO(dst, src, a, ...) \
	___bpf_path(bpf_core_read_str, bpf_core_read, dst, src, a, ##__VA_ARGS__)
#define BPF_CORE_READ_USER_STR_INTO(dst, src, a, ...) \
	___bpf_path(bpf_core_read_user_str, bpf_core_read_user, dst, src, a, ##__VA_ARGS__)

/* The same with no relocation, for types whose layout never changes. */
#define BPF_PROBE_READ_INTO(dst, src, a, ...) \
	___bpf_path(bpf_probe_read_kernel, bpf_probe_read_kernel, dst, src, a, ##__VA_ARGS__)
#define BPF_PROBE_READ_USER_INTO(dst, src, a, ...) \
	___bpf_path(bpf_probe_read_user, bpf_probe_read_user, dst, src, a, ##__VA_ARGS__)
#define BPF_PROBE_READ_STR_INTO(dst, src, a, ...) \
	___bpf_path(bpf_probe_read_kernel_str, bpf_probe_read_kernel, dst, src, a, ##__VA_ARGS__)
#define BPF_PROBE_READ_USER_STR_INTO(dst, src, a, ...) \
	___bpf_path(bpf_probe_read_user_str, bpf_probe_read_user, dst, src, a, ##__VA_ARGS__)

/* The type of `src->a->b->...`, without qualifiers where the compiler can take them off. */
#define ___bpf_arrows1(s, a) (s)->a
#define ___bpf_arrows2(s, a, b) (s)->a->b
#define ___bpf_arrows3(s, a, b, c) (s)->a->b->c
#define ___bpf_arrows4(s, a, b, c, d) (s)->a->b->c->d
#define ___bpf_arrows5(s, a, b, c, d, e) (s)->a->b->c->d->e
#define ___bpf_arrows6(s, a, b, c, d, e, f) (s)->a->b->c->d->e->f
#define ___bpf_arrows7(s, a, b, c, d, e, f, g) (s)->a->b->c->d->e->f->g
#define ___bpf_arrows8(s, a, b, c, d, e, f, g, h) (s)->a->b->c->d->e->f->g->h
#define ___bpf_arrows9(s, a, b, c, d, e, f, g, h, i) (s)->a->b->c->d->e->f->g->h->i
#define ___bpf_arrows10(s, a, b, c, d, e, f, g, h, i, j) (s)->a->b->c->d->e->f->g->h->i->j
#define ___bpf_arrows(s, fields...) ___bpf_apply(___bpf_arrows, ___bpf_narg(fields))(s, fields)
#if defined(__clang__) && __clang_major__ >= 19
#define ___bpf_typeof_path(s, fields...) __typeof_unqual__(___bpf_arrows(s, fields))
#else
#define ___bpf_typeof_path(s, fields...) typeof(___bpf_arrows(s, fields))
#endif

#define ___bpf_value(into, src, fields...)                                              \
	({                                                                              \
		___bpf_typeof_path(src, fields) ___value;                               \
		into(&___value, src, fields);                                           \
		___value;                                                               \
	})

/* The value of `src->a->b->...`. */
#define BPF_CORE_READ(src, a, ...) ___bpf_value(BPF_CORE_READ_INTO, src, a, ##__VA_ARGS__)
#define BPF_CORE_READ_USER(src, a, ...) ___bpf_value(BPF_CORE_READ_USER_INTO, src, a, ##__VA_ARGS__)
#define BPF_PROBE_READ(src, a, ...) ___bpf_value(BPF_PROBE_READ_INTO, src, a, ##__VA_ARGS__)
#define BPF_PROBE_READ_USER(src, a, ...) ___bpf_value(BPF_PROBE_READ_USER_INTO, src, a, ##__VA_ARGS__)

/*
 * Bit fields: the bytes that hold the field are read as one number, and shifted up and down again until only
 * the field is left. Where it lies, how wide it is and its sign are the kernel's.
 */
#define ___bpf_bits(s, field, kind) __builtin_preserve_field_info((s)->field, kind)
#define ___bpf_bits_address(s, field) ((void *)(s) + ___bpf_bits(s, field, BPF_FIELD_BYTE_OFFSET))
#define ___bpf_bits_value(s, field, bytes)                                                           \
	({                                                                                           \
		unsigned long long ___up = (bytes) << ___bpf_bits(s, field, BPF_FIELD_LSHIFT_U64);   \
		unsigned long long ___down = ___bpf_bits(s, field, BPF_FIELD_RSHIFT_U64);            \
		___bpf_bits(s, field, BPF_FIELD_SIGNED)                                              \
			? (unsigned long long)((long long)___up >> ___down)                          \
			: ___up >> ___down;                                                          \
	})

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_bits_start(number, size) ((void *)&(number))
#else
#define ___bpf_bits_start(number, size) ((void *)&(number) + 8 - (size))
#endif

/* For pointers that only helpers may read through. */
#define BPF_CORE_READ_BITFIELD_PROBED(s, field)                                                      \
	({                                                                                           \
		unsigned long long ___bytes = 0;                                                     \
		bpf_probe_read_kernel(                                                               \
			___bpf_bits_start(___bytes, ___bpf_bits(s, field, BPF_FIELD_BYTE_SIZE)),     \
			___bpf_bits(s, field, BPF_FIELD_BYTE_SIZE), ___bpf_bits_address(s, field));  \
		___bpf_bits_value(s, field, ___bytes);                                               \
	})

/* For pointers that programs may read through. The barrier keeps the offset in the address, where it is relocated. */
#define BPF_CORE_READ_BITFIELD(s, field)                                                             \
	({                                                                                           \
		const void *___from = ___bpf_bits_address(s, field);                                 \
		unsigned long long ___bytes = 0;                                                     \
		asm("" : "+r"(___from));                                                             \
		switch (___bpf_bits(s, field, BPF_FIELD_BYTE_SIZE)) {                                \
		case 1:                                                                              \
			___bytes = *(const unsigned char *)___from;                                  \
			break;                                                                       \
		case 2:                                                                              \
			___bytes = *(const unsigned short *)___from;                                 \
			break;                                                                       \
		case 4:                                                                              \
			___bytes = *(const unsigned int *)___from;                                   \
			break;                                                                       \
		case 8:                                                                              \
			___bytes = *(const unsigned long long *)___from;                             \
			break;                                                                       \
		}                                                                                    \
		___bpf_bits_value(s, field, ___bytes);                                               \
	})

#define ___bpf_bits_write(type, address, mask, value) \
	*(type *)(address) = (type)((*(type *)(address) & ~(mask)) | ((value) & (mask)))

#define BPF_CORE_WRITE_BITFIELD(s, field, new_val)                                                   \
	({                                                                                           \
		void *___to = ___bpf_bits_address(s, field);                                         \
		unsigned int ___size = ___bpf_bits(s, field, BPF_FIELD_BYTE_SIZE);                   \
		unsigned int ___up = ___bpf_bits(s, field, BPF_FIELD_LSHIFT_U64);                    \
		unsigned int ___down = ___bpf_bits(s, field, BPF_FIELD_RSHIFT_U64);                  \
		unsigned long long ___mask = (~0ULL << ___down) >> ___up;                            \
		unsigned long long ___bits = ((unsigned long long)(new_val) << ___down) >> ___up;    \
		asm volatile("" : "+r"(___to));                                                      \
		switch (___size) {                                                                   \
		case 1:                                                                              \
			___bpf_bits_write(unsigned char, ___to, ___mask, ___bits);                   \
			break;                                                                       \
		case 2:                                                                              \
			___bpf_bits_write(unsigned short, ___to, ___mask, ___bits);                  \
			break;                                                                       \
		case 4:                                                                              \
			___bpf_bits_write(unsigned int, ___to, ___mask, ___bits);                    \
			break;                                                                       \
		case 8:                                                                              \
			___bpf_bits_write(unsigned long long, ___to, ___mask, ___bits);              \
			break;                                                                       \
		}                                                                                    \
	})

#endif
