import { BPF_ATTACH_TYPE, BPF_PROG_FLAG, BPF_PROG_TYPE } from "../uapi/index.ts";

/** What a program's section name says about it. */
export interface SectionKind {
  /** BPF_PROG_TYPE_* number. */
  readonly type: number;
  /** BPF_* attach type number. */
  readonly expectedAttachType?: number;
  /** The kernel must know at load what `target` is. */
  readonly typed?: true;
  /** BPF_PROG_FLAG bits. */
  readonly flags?: number;
  /** What follows the kind's name and `/`. */
  readonly target?: string;
  /** `?` in front: not loaded unless asked for. */
  readonly autoload?: false;
}

type ProgramTypeName = keyof typeof BPF_PROG_TYPE;
type AttachTypeName = keyof typeof BPF_ATTACH_TYPE;

/** Names that end in `+` may be followed by `/` and a target. `typed`: the target is looked up in BTF. */
type Row = readonly [
  name: string,
  type: ProgramTypeName,
  attach?: AttachTypeName | undefined,
  typed?: "typed",
];

/** Section names as libbpf 1.8 knows them, without those made from them by `.s` (sleepable). */
const rows: readonly Row[] = [
  ["socket", "SOCKET_FILTER"],
  ["sk_reuseport/migrate", "SK_REUSEPORT", "SK_REUSEPORT_SELECT_OR_MIGRATE"],
  ["sk_reuseport", "SK_REUSEPORT", "SK_REUSEPORT_SELECT"],
  ["kprobe+", "KPROBE"],
  ["kretprobe+", "KPROBE"],
  ["uprobe+", "KPROBE"],
  ["uretprobe+", "KPROBE"],
  ["kprobe.multi+", "KPROBE", "TRACE_KPROBE_MULTI"],
  ["kretprobe.multi+", "KPROBE", "TRACE_KPROBE_MULTI"],
  ["kprobe.session+", "KPROBE", "TRACE_KPROBE_SESSION"],
  ["uprobe.multi+", "KPROBE", "TRACE_UPROBE_MULTI"],
  ["uretprobe.multi+", "KPROBE", "TRACE_UPROBE_MULTI"],
  ["uprobe.session+", "KPROBE", "TRACE_UPROBE_SESSION"],
  ["ksyscall+", "KPROBE"],
  ["kretsyscall+", "KPROBE"],
  ["usdt+", "KPROBE"],
  ["tc/ingress", "SCHED_CLS", "TCX_INGRESS"],
  ["tc/egress", "SCHED_CLS", "TCX_EGRESS"],
  ["tcx/ingress", "SCHED_CLS", "TCX_INGRESS"],
  ["tcx/egress", "SCHED_CLS", "TCX_EGRESS"],
  ["tc", "SCHED_CLS"],
  ["classifier", "SCHED_CLS"],
  ["action", "SCHED_ACT"],
  ["netkit/primary", "SCHED_CLS", "NETKIT_PRIMARY"],
  ["netkit/peer", "SCHED_CLS", "NETKIT_PEER"],
  ["tracepoint+", "TRACEPOINT"],
  ["tp+", "TRACEPOINT"],
  ["raw_tracepoint+", "RAW_TRACEPOINT"],
  ["raw_tp+", "RAW_TRACEPOINT"],
  ["raw_tracepoint.w+", "RAW_TRACEPOINT_WRITABLE"],
  ["raw_tp.w+", "RAW_TRACEPOINT_WRITABLE"],
  ["tp_btf+", "TRACING", "TRACE_RAW_TP", "typed"],
  ["fentry+", "TRACING", "TRACE_FENTRY", "typed"],
  ["fmod_ret+", "TRACING", "MODIFY_RETURN", "typed"],
  ["fexit+", "TRACING", "TRACE_FEXIT", "typed"],
  ["fsession+", "TRACING", "TRACE_FSESSION", "typed"],
  ["fentry.multi+", "TRACING", "TRACE_FENTRY_MULTI"],
  ["fexit.multi+", "TRACING", "TRACE_FEXIT_MULTI"],
  ["fsession.multi+", "TRACING", "TRACE_FSESSION_MULTI"],
  ["freplace+", "EXT", undefined, "typed"],
  ["lsm+", "LSM", "LSM_MAC", "typed"],
  ["lsm_cgroup+", "LSM", "LSM_CGROUP", "typed"],
  ["iter+", "TRACING", "TRACE_ITER", "typed"],
  ["syscall", "SYSCALL"],
  ["xdp.frags/devmap", "XDP", "XDP_DEVMAP"],
  ["xdp/devmap", "XDP", "XDP_DEVMAP"],
  ["xdp.frags/cpumap", "XDP", "XDP_CPUMAP"],
  ["xdp/cpumap", "XDP", "XDP_CPUMAP"],
  ["xdp.frags", "XDP", "XDP"],
  ["xdp", "XDP", "XDP"],
  ["perf_event", "PERF_EVENT"],
  ["lwt_in", "LWT_IN"],
  ["lwt_out", "LWT_OUT"],
  ["lwt_xmit", "LWT_XMIT"],
  ["lwt_seg6local", "LWT_SEG6LOCAL"],
  ["sockops", "SOCK_OPS", "CGROUP_SOCK_OPS"],
  ["sk_skb/stream_parser", "SK_SKB", "SK_SKB_STREAM_PARSER"],
  ["sk_skb/stream_verdict", "SK_SKB", "SK_SKB_STREAM_VERDICT"],
  ["sk_skb/verdict", "SK_SKB", "SK_SKB_VERDICT"],
  ["sk_skb", "SK_SKB"],
  ["sk_msg", "SK_MSG", "SK_MSG_VERDICT"],
  ["lirc_mode2", "LIRC_MODE2", "LIRC_MODE2"],
  ["flow_dissector", "FLOW_DISSECTOR", "FLOW_DISSECTOR"],
  ["cgroup_skb/ingress", "CGROUP_SKB", "CGROUP_INET_INGRESS"],
  ["cgroup_skb/egress", "CGROUP_SKB", "CGROUP_INET_EGRESS"],
  ["cgroup/skb", "CGROUP_SKB"],
  ["cgroup/sock_create", "CGROUP_SOCK", "CGROUP_INET_SOCK_CREATE"],
  ["cgroup/sock_release", "CGROUP_SOCK", "CGROUP_INET_SOCK_RELEASE"],
  ["cgroup/sock", "CGROUP_SOCK", "CGROUP_INET_SOCK_CREATE"],
  ["cgroup/post_bind4", "CGROUP_SOCK", "CGROUP_INET4_POST_BIND"],
  ["cgroup/post_bind6", "CGROUP_SOCK", "CGROUP_INET6_POST_BIND"],
  ["cgroup/bind4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_BIND"],
  ["cgroup/bind6", "CGROUP_SOCK_ADDR", "CGROUP_INET6_BIND"],
  ["cgroup/connect4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_CONNECT"],
  ["cgroup/connect6", "CGROUP_SOCK_ADDR", "CGROUP_INET6_CONNECT"],
  ["cgroup/connect_unix", "CGROUP_SOCK_ADDR", "CGROUP_UNIX_CONNECT"],
  ["cgroup/sendmsg4", "CGROUP_SOCK_ADDR", "CGROUP_UDP4_SENDMSG"],
  ["cgroup/sendmsg6", "CGROUP_SOCK_ADDR", "CGROUP_UDP6_SENDMSG"],
  ["cgroup/sendmsg_unix", "CGROUP_SOCK_ADDR", "CGROUP_UNIX_SENDMSG"],
  ["cgroup/recvmsg4", "CGROUP_SOCK_ADDR", "CGROUP_UDP4_RECVMSG"],
  ["cgroup/recvmsg6", "CGROUP_SOCK_ADDR", "CGROUP_UDP6_RECVMSG"],
  ["cgroup/recvmsg_unix", "CGROUP_SOCK_ADDR", "CGROUP_UNIX_RECVMSG"],
  ["cgroup/getpeername4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_GETPEERNAME"],
  ["cgroup/getpeername6", "CGROUP_SOCK_ADDR", "CGROUP_INET6_GETPEERNAME"],
  ["cgroup/getpeername_unix", "CGROUP_SOCK_ADDR", "CGROUP_UNIX_GETPEERNAME"],
  ["cgroup/getsockname4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_GETSOCKNAME"],
  ["cgroup/getsockname6", "CGROUP_SOCK_ADDR", "CGROUP_INET6_GETSOCKNAME"],
  ["cgroup/getsockname_unix", "CGROUP_SOCK_ADDR", "CGROUP_UNIX_GETSOCKNAME"],
  ["cgroup/sysctl", "CGROUP_SYSCTL", "CGROUP_SYSCTL"],
  ["cgroup/getsockopt", "CGROUP_SOCKOPT", "CGROUP_GETSOCKOPT"],
  ["cgroup/setsockopt", "CGROUP_SOCKOPT", "CGROUP_SETSOCKOPT"],
  ["cgroup/dev", "CGROUP_DEVICE", "CGROUP_DEVICE"],
  ["struct_ops+", "STRUCT_OPS"],
  ["sk_lookup", "SK_LOOKUP", "SK_LOOKUP"],
  ["netfilter", "NETFILTER", "NETFILTER"],
];

/** Kinds whose name takes the suffix `.s`: the program may sleep. */
const sleepable: ReadonlySet<string> = new Set([
  "uprobe",
  "uretprobe",
  "uprobe.multi",
  "uretprobe.multi",
  "uprobe.session",
  "usdt",
  "tracepoint",
  "tp",
  "raw_tracepoint",
  "raw_tp",
  "tp_btf",
  "fentry",
  "fmod_ret",
  "fexit",
  "fsession",
  "fentry.multi",
  "fexit.multi",
  "fsession.multi",
  "lsm",
  "iter",
  "struct_ops",
]);

const kinds: ReadonlyMap<string, { readonly takesTarget: boolean; readonly kind: SectionKind }> = new Map(
  rows.flatMap(([pattern, type, attach, typed]) => {
    const takesTarget = pattern.endsWith("+");
    const name = takesTarget ? pattern.slice(0, -1) : pattern;
    const kind: SectionKind = {
      type: BPF_PROG_TYPE[type],
      ...(attach && { expectedAttachType: BPF_ATTACH_TYPE[attach] }),
      ...(typed && { typed: true }),
      ...(name.startsWith("xdp.frags") && { flags: BPF_PROG_FLAG.XDP_HAS_FRAGS }),
      ...(name === "syscall" && { flags: BPF_PROG_FLAG.SLEEPABLE }),
    };
    const sleeping = { ...kind, flags: BPF_PROG_FLAG.SLEEPABLE };
    const plain = [name, { takesTarget, kind }] as const;
    return sleepable.has(name) ? [plain, [`${name}.s`, { takesTarget, kind: sleeping }] as const] : [plain];
  }),
);

/** What a section name as `fentry/vfs_read` or `?xdp` means; undefined when no program kind has that name. */
export function sectionKind(section: string): SectionKind | undefined {
  if (section.startsWith("?")) {
    const kind = sectionKind(section.slice(1));
    return kind && { ...kind, autoload: false };
  }
  const exact = kinds.get(section);
  if (exact) return exact.kind;
  const slash = section.indexOf("/");
  const row = slash < 0 ? undefined : kinds.get(section.slice(0, slash));
  return row?.takesTarget ? { ...row.kind, target: section.slice(slash + 1) } : undefined;
}
