import { BPF_PROG_TYPE } from "../uapi/index.ts";

/** What the kernel looks at when it decides on a call: of the calling process and of the system. */
export interface Credentials {
  /** CapEff of /proc/self/status. */
  readonly capabilities: bigint;
  /** The process lives in the machine's first user namespace. */
  readonly initialUserNamespace: boolean;
  /** CAP_BPF and CAP_PERFMON exist (Linux 5.8). */
  readonly hasBpfCapability: boolean;
  /** `none`, `integrity`, `confidentiality`; /sys/kernel/security/lockdown. */
  readonly lockdown: string;
}

type Capability = keyof typeof CAPABILITY_BITS;

const CAPABILITY_BITS = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

/** Commands that ask for more, or for something else, than CAP_BPF: kernel/bpf/syscall.c. */
const NEEDED: Readonly<Record<string, readonly Capability[]>> = {
  "bpf(PROG_GET_NEXT_ID)": ["CAP_SYS_ADMIN"],
  "bpf(MAP_GET_NEXT_ID)": ["CAP_SYS_ADMIN"],
  "bpf(BTF_GET_NEXT_ID)": ["CAP_SYS_ADMIN"],
  "bpf(LINK_GET_NEXT_ID)": ["CAP_SYS_ADMIN"],
  "bpf(PROG_GET_FD_BY_ID)": ["CAP_SYS_ADMIN"],
  "bpf(MAP_GET_FD_BY_ID)": ["CAP_SYS_ADMIN"],
  "bpf(BTF_GET_FD_BY_ID)": ["CAP_SYS_ADMIN"],
  "bpf(LINK_GET_FD_BY_ID)": ["CAP_SYS_ADMIN"],
  "bpf(TASK_FD_QUERY)": ["CAP_SYS_ADMIN"],
  "bpf(ENABLE_STATS)": ["CAP_SYS_ADMIN"],
  "bpf(PROG_QUERY)": ["CAP_NET_ADMIN"],
  "bpf(RAW_TRACEPOINT_OPEN)": ["CAP_BPF", "CAP_PERFMON"],
  perf_event_open: ["CAP_PERFMON"],
  "fsopen(tracefs)": ["CAP_SYS_ADMIN"],
};

const NETWORK_PROGRAMS: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE.SCHED_CLS,
  BPF_PROG_TYPE.SCHED_ACT,
  BPF_PROG_TYPE.XDP,
  BPF_PROG_TYPE.LWT_IN,
  BPF_PROG_TYPE.LWT_OUT,
  BPF_PROG_TYPE.LWT_XMIT,
  BPF_PROG_TYPE.LWT_SEG6LOCAL,
  BPF_PROG_TYPE.SK_SKB,
  BPF_PROG_TYPE.SK_MSG,
  BPF_PROG_TYPE.SOCK_OPS,
  BPF_PROG_TYPE.CGROUP_DEVICE,
  BPF_PROG_TYPE.CGROUP_SOCK,
  BPF_PROG_TYPE.CGROUP_SOCK_ADDR,
  BPF_PROG_TYPE.CGROUP_SOCKOPT,
  BPF_PROG_TYPE.CGROUP_SYSCTL,
  BPF_PROG_TYPE.FLOW_DISSECTOR,
  BPF_PROG_TYPE.SK_LOOKUP,
  BPF_PROG_TYPE.NETFILTER,
]);

const TRACING_PROGRAMS: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE.KPROBE,
  BPF_PROG_TYPE.TRACEPOINT,
  BPF_PROG_TYPE.PERF_EVENT,
  BPF_PROG_TYPE.RAW_TRACEPOINT,
  BPF_PROG_TYPE.RAW_TRACEPOINT_WRITABLE,
  BPF_PROG_TYPE.TRACING,
  BPF_PROG_TYPE.LSM,
  BPF_PROG_TYPE.EXT,
]);

/** Capabilities that a call asks for, on kernels that know CAP_BPF. */
export function neededCapabilities(call: string, programType?: number): readonly Capability[] {
  if (programType !== undefined && TRACING_PROGRAMS.has(programType)) return ["CAP_BPF", "CAP_PERFMON"];
  if (programType !== undefined && NETWORK_PROGRAMS.has(programType)) return ["CAP_BPF", "CAP_NET_ADMIN"];
  return NEEDED[call] ?? ["CAP_BPF"];
}

/** What to do about an EPERM or EACCES of a call; `programType` where it loads a program. */
export function permissionHints(call: string, programType: number | undefined, own: Credentials): string[] {
  const needed = own.hasBpfCapability ? neededCapabilities(call, programType) : (["CAP_SYS_ADMIN"] as const);
  const missing = needed.filter((name) => !holds(own, name));
  if (missing.length > 0)
    return [
      `The process lacks ${missing.join(" and ")}: run it as root, or grant the capability (setcap, systemd AmbientCapabilities=, docker --cap-add)`,
    ];
  if (!own.initialUserNamespace)
    return ["The process is in a user namespace, where capabilities do not count: run it on the host"];
  if (own.lockdown !== "none" && own.lockdown !== "")
    return [`The kernel is locked down (${own.lockdown}), which forbids this: see kernel_lockdown(7)`];
  return [
    `Held already: ${needed.join(" and ")}. The kernel may lack this kind of program or hook, or a seccomp filter (docker, systemd SystemCallFilter=) or a security module forbids the call`,
  ];
}

/** CAP_SYS_ADMIN stands for the capabilities that were split off from it. */
function holds(own: Credentials, name: Capability): boolean {
  const has = (bit: number): boolean => ((own.capabilities >> BigInt(bit)) & 1n) === 1n;
  const split = name === "CAP_BPF" || name === "CAP_PERFMON";
  return has(CAPABILITY_BITS[name]) || (split && has(CAPABILITY_BITS.CAP_SYS_ADMIN));
}
