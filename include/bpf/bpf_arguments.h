/* SPDX-License-Identifier: MIT */
/* Macros over argument lists of up to twelve, shared by the other headers. */
#ifndef __BPFKIT_ARGUMENTS_H__
#define __BPFKIT_ARGUMENTS_H__

#define ___bpf_concat(a, b) a##b
#define ___bpf_apply(fn, n) ___bpf_concat(fn, n)

/* How many arguments there are. */
#define ___bpf_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _a, _b, _c, N, ...) N
#define ___bpf_narg(...) ___bpf_nth(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/* f(1, first) f(2, second) ... */
#define ___bpf_each0(f)
#define ___bpf_each1(f, a) f(1, a)
#define ___bpf_each2(f, a, b) ___bpf_each1(f, a) f(2, b)
#define ___bpf_each3(f, a, b, c) ___bpf_each2(f, a, b) f(3, c)
#define ___bpf_each4(f, a, b, c, d) ___bpf_each3(f, a, b, c) f(4, d)
#define ___bpf_each5(f, a, b, c, d, e) ___bpf_each4(f, a, b, c, d) f(5, e)
#define ___bpf_each6(f, a, b, c, d, e, g) ___bpf_each5(f, a, b, c, d, e) f(6, g)
#define ___bpf_each7(f, a, b, c, d, e, g, h) ___bpf_each6(f, a, b, c, d, e, g) f(7, h)
#define ___bpf_each8(f, a, b, c, d, e, g, h, i) ___bpf_each7(f, a, b, c, d, e, g, h) f(8, i)
#define ___bpf_each9(f, a, b, c, d, e, g, h, i, j) ___bpf_each8(f, a, b, c, d, e, g, h, i) f(9, j)
#define ___bpf_each10(f, a, b, c, d, e, g, h, i, j, k) ___bpf_each9(f, a, b, c, d, e, g, h, i, j) f(10, k)
#define ___bpf_each11(f, a, b, c, d, e, g, h, i, j, k, l) \
	___bpf_each10(f, a, b, c, d, e, g, h, i, j, k) f(11, l)
#define ___bpf_each12(f, a, b, c, d, e, g, h, i, j, k, l, m) \
	___bpf_each11(f, a, b, c, d, e, g, h, i, j, k, l) f(12, m)
#define ___bpf_each(f, args...) ___bpf_apply(___bpf_each, ___bpf_narg(args))(f, ##args)

/* f(type, name) for each pair of a list `type, name, type, name ...`. */
#define ___bpf_pair_nth(_, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, \
			_19, _20, _21, _22, _23, _24, N, ...) \
	N
#define ___bpf_pairs_in(...)                                                                                 \
	___bpf_pair_nth(_, ##__VA_ARGS__, 12, odd, 11, odd, 10, odd, 9, odd, 8, odd, 7, odd, 6, odd, 5, odd, \
			4, odd, 3, odd, 2, odd, 1, odd, 0)
#define ___bpf_pair0(f)
#define ___bpf_pair1(f, t, x) f(t, x)
#define ___bpf_pair2(f, t, x, rest...) f(t, x) ___bpf_pair1(f, rest)
#define ___bpf_pair3(f, t, x, rest...) f(t, x) ___bpf_pair2(f, rest)
#define ___bpf_pair4(f, t, x, rest...) f(t, x) ___bpf_pair3(f, rest)
#define ___bpf_pair5(f, t, x, rest...) f(t, x) ___bpf_pair4(f, rest)
#define ___bpf_pair6(f, t, x, rest...) f(t, x) ___bpf_pair5(f, rest)
#define ___bpf_pair7(f, t, x, rest...) f(t, x) ___bpf_pair6(f, rest)
#define ___bpf_pair8(f, t, x, rest...) f(t, x) ___bpf_pair7(f, rest)
#define ___bpf_pair9(f, t, x, rest...) f(t, x) ___bpf_pair8(f, rest)
#define ___bpf_pair10(f, t, x, rest...) f(t, x) ___bpf_pair9(f, rest)
#define ___bpf_pair11(f, t, x, rest...) f(t, x) ___bpf_pair10(f, rest)
#define ___bpf_pair12(f, t, x, rest...) f(t, x) ___bpf_pair11(f, rest)
#define ___bpf_pairs(f, args...) ___bpf_apply(___bpf_pair, ___bpf_pairs_in(args))(f, ##args)

/*
 * The body of every macro that gives a program's context the shape of a plain function: `entry` is the program,
 * which calls the function that the user's block becomes with `values` for its parameters.
 */
#define ___bpf_program(name, context, values, parameters...)                          \
	name(context);                                                                \
	static __attribute__((always_inline)) inline typeof(name(0)) ____##name(context, ##parameters); \
	typeof(name(0)) name(context)                                                 \
	{                                                                             \
		_Pragma("GCC diagnostic push")                                        \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"")                \
		return ____##name values;                                             \
		_Pragma("GCC diagnostic pop")                                         \
	}                                                                             \
	static __attribute__((always_inline)) inline typeof(name(0)) ____##name(context, ##parameters)

#endif
