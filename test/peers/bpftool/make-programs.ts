import { BtfKind, parseBtf } from "../../../src/btf/index.ts";
import type { Btf } from "../../../src/btf/index.ts";
import { call, encode, exit, loadMap, moveImmediate } from "../../../src/isa/index.ts";
import type { Insn } from "../../../src/isa/index.ts";
import type { BpfAttr, Fd } from "../../../src/kernel/index.ts";
import { BPF_ATTACH_TYPE, BPF_FUNC, BPF_PROG_FLAG, BPF_PROG_TYPE } from "../../../src/uapi/index.ts";
import type { Holding } from "./holding.ts";

type Attr = Partial<BpfAttr["PROG_LOAD"]>;
type TypeName = keyof typeof BPF_PROG_TYPE;
type AttachName = keyof typeof BPF_ATTACH_TYPE;

/** Programs that need nothing but their type, and an attach type where the kernel asks for one. */
const PLAIN: readonly (readonly [name: string, type: TypeName, attach?: AttachName])[] = [
  ["socket_filter", "SOCKET_FILTER"],
  ["kprobe", "KPROBE"],
  ["kprobe_multi", "KPROBE", "TRACE_KPROBE_MULTI"],
  ["uprobe_multi", "KPROBE", "TRACE_UPROBE_MULTI"],
  ["sched_cls", "SCHED_CLS"],
  ["tcx", "SCHED_CLS", "TCX_INGRESS"],
  ["netkit", "SCHED_CLS", "NETKIT_PRIMARY"],
  ["sched_act", "SCHED_ACT"],
  ["tracepoint", "TRACEPOINT"],
  ["xdp", "XDP"],
  ["perf_event", "PERF_EVENT"],
  ["cgroup_skb", "CGROUP_SKB", "CGROUP_INET_INGRESS"],
  ["cgroup_egress", "CGROUP_SKB", "CGROUP_INET_EGRESS"],
  ["cgroup_bind4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_BIND"],
  ["cgroup_sock", "CGROUP_SOCK", "CGROUP_INET_SOCK_CREATE"],
  ["cgroup_connect4", "CGROUP_SOCK_ADDR", "CGROUP_INET4_CONNECT"],
  ["cgroup_sockopt", "CGROUP_SOCKOPT", "CGROUP_GETSOCKOPT"],
  ["cgroup_sysctl", "CGROUP_SYSCTL", "CGROUP_SYSCTL"],
  ["cgroup_device", "CGROUP_DEVICE", "CGROUP_DEVICE"],
  ["lwt_in", "LWT_IN"],
  ["lwt_out", "LWT_OUT"],
  ["lwt_xmit", "LWT_XMIT"],
  ["lwt_seg6local", "LWT_SEG6LOCAL"],
  ["sock_ops", "SOCK_OPS"],
  ["sk_skb", "SK_SKB", "SK_SKB_STREAM_VERDICT"],
  ["sk_msg", "SK_MSG", "SK_MSG_VERDICT"],
  ["raw_tracepoint", "RAW_TRACEPOINT"],
  ["raw_tracepoint_writable", "RAW_TRACEPOINT_WRITABLE"],
  ["sk_reuseport", "SK_REUSEPORT", "SK_REUSEPORT_SELECT"],
  ["flow_dissector", "FLOW_DISSECTOR", "FLOW_DISSECTOR"],
  ["sk_lookup", "SK_LOOKUP", "SK_LOOKUP"],
  ["syscall", "SYSCALL"],
  ["netfilter", "NETFILTER", "NETFILTER"],
];

/** What cgroups take: 1 lets things pass. */
const RETURNS_ONE = /^(cgroup|netfilter|sk_lookup)/;

const TYPED: readonly (readonly [name: string, type: TypeName, attach: AttachName, target: string])[] = [
  ["tp_btf", "TRACING", "TRACE_RAW_TP", "btf_trace_sched_process_exec"],
  ["fentry", "TRACING", "TRACE_FENTRY", "vfs_truncate"],
  ["fexit", "TRACING", "TRACE_FEXIT", "vfs_truncate"],
  ["fmod_ret", "TRACING", "MODIFY_RETURN", "security_file_mprotect"],
  ["iter_task", "TRACING", "TRACE_ITER", "bpf_iter_task"],
  ["iter_map", "TRACING", "TRACE_ITER", "bpf_iter_bpf_map_elem"],
  ["iter_cgroup", "TRACING", "TRACE_ITER", "bpf_iter_cgroup"],
  ["lsm", "LSM", "LSM_MAC", "bpf_lsm_file_mprotect"],
  ["lsm_cgroup", "LSM", "LSM_CGROUP", "bpf_lsm_socket_bind"],
];

export function makePrograms(holding: Holding): void {
  const { kernel } = holding;
  for (const [name, type, attach] of PLAIN) {
    const { major, minor } = kernel.release;
    load(holding, name, type, body(holding, name), {
      ...(attach && { expected_attach_type: BPF_ATTACH_TYPE[attach] }),
      ...(type === "KPROBE" && { kern_version: (major << 16) | (minor << 8) }),
      ...(type === "SYSCALL" && { prog_flags: BPF_PROG_FLAG.SLEEPABLE }),
    });
  }
  if (!kernel.files.hasBtf()) return;
  const types = parseBtf(kernel.files.btf());
  for (const [name, type, attach, target] of TYPED)
    load(holding, name, type, ending(RETURNS_ONE.test(name) || name === "lsm_cgroup" ? 1 : 0), {
      expected_attach_type: BPF_ATTACH_TYPE[attach],
      attach_btf_id: targetId(types, target),
    });
}

function load(holding: Holding, name: string, type: TypeName, insns: readonly Insn[], attr: Attr): void {
  holding.make(`program ${name}`, (): Fd =>
    holding.kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE[type],
      insns: encode(insns),
      license: "GPL",
      prog_name: name.slice(0, 15),
      ...attr,
    }),
  );
}

function targetId(types: Btf, name: string): number {
  return types.findByName(name, name.startsWith("btf_trace_") ? BtfKind.Typedef : BtfKind.Func) ?? 0;
}

function ending(value: number): Insn[] {
  return [moveImmediate(0, value), exit()];
}

/** Some look up a map, so that maps, inlined lookups and calls are seen in dumps. */
function body(holding: Holding, name: string): Insn[] {
  const value = RETURNS_ONE.test(name) ? 1 : 0;
  const map = holding.fds.get(name === "xdp" ? "map array" : "map hash");
  const looks = ["socket_filter", "kprobe", "xdp", "sched_cls", "tracepoint"].includes(name);
  if (!looks || map === undefined) return ending(value);
  return [
    // *(u32 *)(r10 - 4) = 0; r2 = r10 - 4
    { code: 0x62, dst: 10, src: 0, offset: -4, imm: 0 },
    { code: 0xbf, dst: 2, src: 10, offset: 0, imm: 0 },
    { code: 0x07, dst: 2, src: 0, offset: 0, imm: -4 },
    ...loadMap(1, map),
    call(BPF_FUNC.map_lookup_elem),
    call(BPF_FUNC.get_prandom_u32),
    ...ending(value),
  ];
}
