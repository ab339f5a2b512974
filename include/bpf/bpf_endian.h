/* SPDX-License-Identifier: MIT */
/* Between the byte order of the program and that of networks. All of them work on constants at compile time. */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_network16(x) __builtin_bswap16(x)
#define ___bpf_network32(x) __builtin_bswap32(x)
#define ___bpf_network64(x) __builtin_bswap64(x)
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ___bpf_network16(x) (x)
#define ___bpf_network32(x) (x)
#define ___bpf_network64(x) (x)
#else
#error "The compiler does not say what byte order it compiles for"
#endif

#define ___bpf_swab16(x) __builtin_bswap16(x)
#define ___bpf_swab32(x) __builtin_bswap32(x)
#define ___bpf_swab64(x) __builtin_bswap64(x)

#define bpf_htons(x) ___bpf_network16(x)
#define bpf_ntohs(x) ___bpf_network16(x)
#define bpf_htonl(x) ___bpf_network32(x)
#define bpf_ntohl(x) ___bpf_network32(x)
#define bpf_cpu_to_be64(x) ___bpf_network64(x)
#define bpf_be64_to_cpu(x) ___bpf_network64(x)

#define __bpf_htons(x) ___bpf_network16(x)
#define __bpf_ntohs(x) ___bpf_network16(x)
#define __bpf_htonl(x) ___bpf_network32(x)
#define __bpf_ntohl(x) ___bpf_network32(x)
#define __bpf_cpu_to_be64(x) ___bpf_network64(x)
#define __bpf_be64_to_cpu(x) ___bpf_network64(x)

#define __bpf_constant_htons(x) ___bpf_network16(x)
#define __bpf_constant_ntohs(x) ___bpf_network16(x)
#define __bpf_constant_htonl(x) ___bpf_network32(x)
#define __bpf_constant_ntohl(x) ___bpf_network32(x)
#define __bpf_constant_cpu_to_be64(x) ___bpf_network64(x)
#define __bpf_constant_be64_to_cpu(x) ___bpf_network64(x)

#endif
