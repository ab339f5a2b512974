import type { MiscFeature } from "../inspect/index.ts";

/** A number below /proc/sys: what its values mean, and what is said where it cannot be read. */
export interface Setting {
  readonly name: string;
  readonly path: string;
  readonly values: Readonly<Record<number, string>>;
  /** In front of a value that is in no row. */
  readonly other: string;
  /** What follows the value there; absent: nothing. */
  readonly unit?: string;
}

export const SETTINGS: readonly Setting[] = [
  {
    name: "unprivileged_bpf_disabled",
    path: "/proc/sys/kernel/unprivileged_bpf_disabled",
    values: {
      0: "bpf() syscall for unprivileged users is enabled",
      1: "bpf() syscall restricted to privileged users (without recovery)",
      2: "bpf() syscall restricted to privileged users (admin can change)",
      [-1]: "Unable to retrieve required privileges for bpf() syscall",
    },
    other: "bpf() syscall restriction has unknown value",
  },
  {
    name: "bpf_jit_enable",
    path: "/proc/sys/net/core/bpf_jit_enable",
    values: {
      0: "JIT compiler is disabled",
      1: "JIT compiler is enabled",
      2: "JIT compiler is enabled with debugging traces in kernel logs",
      [-1]: "Unable to retrieve JIT-compiler status",
    },
    other: "JIT-compiler status has unknown value",
  },
  {
    name: "bpf_jit_harden",
    path: "/proc/sys/net/core/bpf_jit_harden",
    values: {
      0: "JIT compiler hardening is disabled",
      1: "JIT compiler hardening is enabled for unprivileged users",
      2: "JIT compiler hardening is enabled for all users",
      [-1]: "Unable to retrieve JIT hardening status",
    },
    other: "JIT hardening status has unknown value",
  },
  {
    name: "bpf_jit_kallsyms",
    path: "/proc/sys/net/core/bpf_jit_kallsyms",
    values: {
      0: "JIT compiler kallsyms exports are disabled",
      1: "JIT compiler kallsyms exports are enabled for root",
      [-1]: "Unable to retrieve JIT kallsyms export status",
    },
    other: "JIT kallsyms exports status has unknown value",
  },
  {
    name: "bpf_jit_limit",
    path: "/proc/sys/net/core/bpf_jit_limit",
    values: { [-1]: "Unable to retrieve global memory limit for JIT compiler for unprivileged users" },
    other: "Global memory limit for JIT compiler for unprivileged users is",
    unit: " bytes",
  },
];

/** Build options that BPF programs depend on; `macro`: also as a #define. */
export const CONFIG_OPTIONS: readonly { readonly name: string; readonly macro?: true }[] = [
  ...[
    "BPF",
    "BPF_SYSCALL",
    "HAVE_EBPF_JIT",
    "BPF_JIT",
    "BPF_JIT_ALWAYS_ON",
    "DEBUG_INFO_BTF",
    "DEBUG_INFO_BTF_MODULES",
    "CGROUPS",
    "CGROUP_BPF",
    "CGROUP_NET_CLASSID",
    "SOCK_CGROUP_DATA",
    "BPF_EVENTS",
    "KPROBE_EVENTS",
    "UPROBE_EVENTS",
    "TRACING",
    "FTRACE_SYSCALLS",
    "FUNCTION_ERROR_INJECTION",
    "BPF_KPROBE_OVERRIDE",
    "NET",
    "XDP_SOCKETS",
    "LWTUNNEL_BPF",
    "NET_ACT_BPF",
    "NET_CLS_BPF",
    "NET_CLS_ACT",
    "NET_SCH_INGRESS",
    "XFRM",
    "IP_ROUTE_CLASSID",
    "IPV6_SEG6_BPF",
    "BPF_LIRC_MODE2",
    "BPF_STREAM_PARSER",
    "NETFILTER_XT_MATCH_BPF",
    "TEST_BPF",
  ].map((name) => ({ name: `CONFIG_${name}` })),
  { name: "CONFIG_HZ", macro: true },
];

export const MISC_NAMES: readonly {
  readonly probe: MiscFeature;
  readonly json: string;
  readonly plain: string;
}[] = [
  { probe: "largePrograms", json: "large_insn_limit", plain: "Large program size limit" },
  { probe: "boundedLoops", json: "bounded_loops", plain: "Bounded loop support" },
  { probe: "isaV2", json: "v2_isa_extension", plain: "ISA extension v2" },
  { probe: "isaV3", json: "v3_isa_extension", plain: "ISA extension v3" },
  { probe: "isaV4", json: "v4_isa_extension", plain: "ISA extension v4" },
];
