import { closeSync, mkdirSync, openSync } from "node:fs";
import type { BpfAttr, Fd, PerfEventAttr } from "../../../src/kernel/index.ts";
import {
  addBpfFilter,
  addClsact,
  addLink,
  linkByName,
  setXdp,
  XDP_FLAGS,
} from "../../../src/netlink/index.ts";
import {
  BPF_ATTACH_FLAG,
  BPF_ATTACH_TYPE,
  PERF_COUNT_SW,
  PERF_EVENT_IOC,
  PERF_TYPE,
} from "../../../src/uapi/index.ts";
import { addFilterWithAction } from "./filter-action.ts";
import type { Holding } from "./holding.ts";

type LinkAttr = Omit<BpfAttr["LINK_CREATE"], "prog_fd" | "attach_type">;
type AttachName = keyof typeof BPF_ATTACH_TYPE;

const CGROUP = "/sys/fs/cgroup";
const LOOPBACK = 1;
const NF_INET_LOCAL_IN = 1;
const NFPROTO_IPV4 = 2;

export function makeLinks(holding: Holding): void {
  const { kernel } = holding;
  const link = (
    name: string,
    program: string,
    attach: AttachName,
    attr: () => LinkAttr = () => ({}),
  ): void => {
    holding.make(`link ${name}`, () =>
      kernel.bpf("LINK_CREATE", {
        prog_fd: holding.get(`program ${program}`),
        attach_type: BPF_ATTACH_TYPE[attach],
        ...attr(),
      }),
    );
  };
  const raw = (name: string, program: string, attr: { readonly name?: string }): void => {
    holding.make(`link ${name}`, () =>
      kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: holding.get(`program ${program}`), ...attr }),
    );
  };
  raw("raw_tracepoint", "raw_tracepoint", { name: "sched_process_exit" });
  raw("tp_btf", "tp_btf", {});
  raw("fentry", "fentry", {});
  raw("lsm", "lsm", {});
  link("fexit", "fexit", "TRACE_FEXIT", () => ({ "tracing.cookie": 77n }));
  link("fmod_ret", "fmod_ret", "MODIFY_RETURN");
  link("iter_task", "iter_task", "TRACE_ITER", () => ({ iter_info: words(0, process.pid, 0, 0) }));
  link("iter_map", "iter_map", "TRACE_ITER", () => ({ iter_info: words(holding.get("map hash")) }));
  link("iter_cgroup", "iter_cgroup", "TRACE_ITER", () => ({
    iter_info: words(1, fileFd(holding, CGROUP), 0, 0),
  }));
  cgroups(holding, link);
  network(holding, link);
  perfEvents(holding);
  link("kprobe_multi", "kprobe_multi", "TRACE_KPROBE_MULTI", () => ({
    "kprobe_multi.syms": ["vfs_truncate", "do_filp_open"],
    "kprobe_multi.cnt": 2,
    "kprobe_multi.cookies": new Uint8Array(BigUint64Array.of(1n, 2n).buffer),
  }));
  link("uprobe_multi", "uprobe_multi", "TRACE_UPROBE_MULTI", () => ({
    "uprobe_multi.path": process.execPath,
    "uprobe_multi.offsets": new Uint8Array(BigUint64Array.of(4096n, 8192n).buffer),
    "uprobe_multi.cookies": new Uint8Array(BigUint64Array.of(5n, 0n).buffer),
    "uprobe_multi.cnt": 2,
  }));
}

type Linker = (name: string, program: string, attach: AttachName, attr?: () => LinkAttr) => void;

/** Without links, each with its flags; below the root the order of attaching matters. */
const CGROUP_PROGRAMS: readonly (readonly [
  program: string,
  attach: AttachName,
  group: string,
  flag: keyof typeof BPF_ATTACH_FLAG | undefined,
])[] = [
  ["cgroup_sock", "CGROUP_INET_SOCK_CREATE", "", "ALLOW_MULTI"],
  ["cgroup_sysctl", "CGROUP_SYSCTL", "", "ALLOW_OVERRIDE"],
  ["cgroup_device", "CGROUP_DEVICE", "", undefined],
  ["sock_ops", "CGROUP_SOCK_OPS", "", "ALLOW_MULTI"],
  ["cgroup_egress", "CGROUP_INET_EGRESS", "outer", "ALLOW_MULTI"],
  ["cgroup_egress", "CGROUP_INET_EGRESS", "outer/inner", "ALLOW_MULTI"],
  ["cgroup_sysctl", "CGROUP_SYSCTL", "outer", "ALLOW_OVERRIDE"],
  ["cgroup_sockopt", "CGROUP_GETSOCKOPT", "outer/inner", undefined],
  ["cgroup_bind4", "CGROUP_INET4_BIND", "outer/inner", "ALLOW_MULTI"],
];

function cgroups(holding: Holding, link: Linker): void {
  const { kernel } = holding;
  const target = (): LinkAttr => ({ target_fd: fileFd(holding, CGROUP) });
  link("cgroup_skb", "cgroup_skb", "CGROUP_INET_INGRESS", target);
  link("cgroup_connect4", "cgroup_connect4", "CGROUP_INET4_CONNECT", target);
  link("lsm_cgroup", "lsm_cgroup", "LSM_CGROUP", target);
  mkdirSync(`${CGROUP}/outer/inner`, { recursive: true });
  for (const [program, attach, group, flag] of CGROUP_PROGRAMS)
    holding.attempt(`${program} at cgroup /${group}`, () =>
      kernel.bpf("PROG_ATTACH", {
        target_fd: fileFd(holding, `${CGROUP}/${group}`),
        attach_bpf_fd: holding.get(`program ${program}`),
        attach_type: BPF_ATTACH_TYPE[attach],
        attach_flags: flag === undefined ? 0 : BPF_ATTACH_FLAG[flag],
      }),
    );
}

function network(holding: Holding, link: Linker): void {
  const { kernel } = holding;
  link("sk_lookup", "sk_lookup", "SK_LOOKUP", () => ({ target_fd: fileFd(holding, "/proc/self/ns/net") }));
  link("netfilter", "netfilter", "NETFILTER", () => ({
    "netfilter.pf": NFPROTO_IPV4,
    "netfilter.hooknum": NF_INET_LOCAL_IN,
    "netfilter.priority": -128,
  }));
  link("tcx", "tcx", "TCX_INGRESS", () => ({ target_fd: LOOPBACK }));
  link("sk_skb", "sk_skb", "SK_SKB_STREAM_VERDICT", () => ({ target_fd: holding.get("map sockmap") }));
  link("xdp", "xdp", "XDP", () => ({ target_fd: LOOPBACK, flags: XDP_FLAGS.SKB_MODE }));
  for (const kind of ["dummy", "veth", "netkit"])
    holding.attempt(`interface ${kind}`, () => addLink(kernel, { kind, name: `own_${kind}` }));
  const index = (name: string): number => linkByName(kernel, name).index;
  for (const [name, mode] of [
    ["own_dummy", "SKB_MODE"],
    ["own_veth", "DRV_MODE"],
  ] as const)
    holding.attempt(`xdp at ${name}`, () =>
      setXdp(kernel, {
        ifindex: index(name),
        program: holding.get("program xdp"),
        flags: XDP_FLAGS[mode],
      }),
    );
  link("netkit", "netkit", "NETKIT_PRIMARY", () => ({ target_fd: index("own_netkit") }));
  const attach = (name: string, program: string, type: AttachName, target: () => number): void => {
    holding.attempt(`${program} at ${name}`, () =>
      kernel.bpf("PROG_ATTACH", {
        target_fd: target(),
        attach_bpf_fd: holding.get(`program ${program}`),
        attach_type: BPF_ATTACH_TYPE[type],
      }),
    );
  };
  attach("own_netkit", "netkit", "NETKIT_PEER", () => index("own_netkit"));
  attach("lo", "tcx", "TCX_EGRESS", () => LOOPBACK);
  attach("lo", "sched_cls", "TCX_EGRESS", () => LOOPBACK);
  attach("map sockhash", "sk_msg", "SK_MSG_VERDICT", () => holding.get("map sockhash"));
  attach("this network namespace", "flow_dissector", "FLOW_DISSECTOR", () => 0);
  filters(holding);
}

function filters(holding: Holding): void {
  const { kernel } = holding;
  for (const name of ["lo", "own_dummy"])
    holding.attempt(`filters at ${name}`, () => {
      const ifindex = linkByName(kernel, name).index;
      addClsact(kernel, ifindex);
      for (const direction of ["ingress", "egress", "egress"] as const)
        addBpfFilter(kernel, {
          ifindex,
          direction,
          program: holding.get("program sched_cls"),
          name: `cls_${direction}`,
        });
    });
  holding.attempt("filter with actions at own_dummy", () =>
    addFilterWithAction(kernel, linkByName(kernel, "own_dummy").index, {
      filter: holding.get("program sched_cls"),
      action: holding.get("program sched_act"),
    }),
  );
}

/** By a link where the kernel has links on perf events, else by ioctl. */
function perfEvents(holding: Holding): void {
  const { kernel } = holding;
  const pmu = (name: string): number =>
    Number(Buffer.from(kernel.files.read(`/sys/bus/event_source/devices/${name}/type`) ?? []).toString());
  const tracepoint = kernel.files.tracefs("events/sched/sched_process_fork/id");
  const events: readonly (readonly [name: string, program: string, attr: PerfEventAttr])[] = [
    ["kprobe", "kprobe", { type: pmu("kprobe"), kprobe_func: "vfs_truncate" }],
    ["kprobe_offset", "kprobe", { type: pmu("kprobe"), kprobe_func: "do_sys_open", probe_offset: 0 }],
    ["kretprobe", "kprobe", { type: pmu("kprobe"), kprobe_func: "vfs_truncate", config: 1n }],
    ["uprobe", "kprobe", { type: pmu("uprobe"), uprobe_path: process.execPath, probe_offset: 4096 }],
    [
      "uretprobe",
      "kprobe",
      { type: pmu("uprobe"), uprobe_path: process.execPath, probe_offset: 4096, config: 1n },
    ],
    ["tracepoint", "tracepoint", { type: PERF_TYPE.TRACEPOINT, config: Number(tracepoint ?? 0) }],
    [
      "software_event",
      "perf_event",
      { type: PERF_TYPE.SOFTWARE, config: PERF_COUNT_SW.PAGE_FAULTS, sample_period: 1_000_000 },
    ],
  ];
  for (const [name, program, attr] of events) {
    const event = holding.make(`event ${name}`, () => kernel.perfEventOpen(attr, { pid: -1, cpu: 0 }));
    if (event === undefined) continue;
    const linked = holding.make(`link ${name}`, () =>
      kernel.bpf("LINK_CREATE", {
        prog_fd: holding.get(`program ${program}`),
        target_fd: event,
        attach_type: BPF_ATTACH_TYPE.PERF_EVENT,
        "perf_event.bpf_cookie": name === "tracepoint" ? 12_345n : 0n,
      }),
    );
    if (linked === undefined)
      holding.attempt(`attached ${name}`, () => {
        kernel.ioctl(event, PERF_EVENT_IOC.SET_BPF, holding.get(`program ${program}`));
      });
  }
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function fileFd(holding: Holding, path: string): Fd {
  const fd = openSync(path, "r");
  holding.attempt(path, () => ({ [Symbol.dispose]: () => closeSync(fd) }));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a descriptor that Node opened
  return fd as Fd;
}
