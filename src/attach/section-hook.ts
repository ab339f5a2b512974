import type { Fd } from "../kernel/index.ts";
import type { ProgramSpec } from "../object/index.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Hook, IteratorScope, NetfilterHook, ProbeMode } from "./hook.ts";

/** What sections leave open and a user fills in: each serves the programs that need it. */
export interface HookPlaces {
  /** Network interface of xdp, tc, tcx and netkit programs. */
  readonly interface?: string;
  /** Of `tc` and `classifier` programs, whose sections do not say it; absent: ingress. */
  readonly direction?: "ingress" | "egress";
  /** Whether xdp runs in the driver or generic; absent: in the driver if that can. */
  readonly xdpMode?: "driver" | "generic" | "offload";
  /** Directory of cgroup programs. */
  readonly cgroup?: string;
  /** File of the network namespace of sk_lookup and flow_dissector programs. */
  readonly netns?: string;
  /** Map of sk_skb and sk_msg programs. */
  readonly sockmap?: Fd;
  /** Descriptor of the socket of socket filters and sk_reuseport programs. */
  readonly socket?: Fd;
  readonly netfilter?: {
    readonly family: "ipv4" | "ipv6";
    readonly hook: NetfilterHook;
    readonly priority: number;
  };
  /** Device of lirc_mode2 programs. */
  readonly lirc?: string;
  /** Samples a second and CPU of perf_event programs. */
  readonly frequency?: number;
  readonly iterator?: IteratorScope;
  /** What follows the `/` of sections that name nothing, as `SEC("kprobe")`; written as it would be there. */
  readonly target?: string;
}

/** How a program is hooked in, or what is missing for that. */
export type HookChoice =
  | { readonly hook: Hook }
  /** What would have to be given, as "a network interface"; `never`: this kind has no hook to attach to. */
  | { readonly open: string; readonly never?: true };

type Rule = (target: string, section: string, places: HookPlaces) => HookChoice;

const choose = (hook: Hook): HookChoice => ({ hook });

/** One row a kind of section (without `.s`), by its name before the target. */
const RULES: Readonly<Record<string, Rule>> = {
  kprobe: (target, section) => choose(kprobe(target, section, false)),
  kretprobe: (target, section) => choose(kprobe(target, section, true)),
  "kprobe.multi": (target) => choose(kprobeMulti(target, "entry")),
  "kretprobe.multi": (target) => choose(kprobeMulti(target, "return")),
  "kprobe.session": (target) => choose(kprobeMulti(target, "session")),
  ksyscall: (syscall) => choose({ kind: "ksyscall", syscall, return: false }),
  kretsyscall: (syscall) => choose({ kind: "ksyscall", syscall, return: true }),
  uprobe: (target, section) => choose(uprobe(target, section, false)),
  uretprobe: (target, section) => choose(uprobe(target, section, true)),
  "uprobe.multi": (target, section) => choose(uprobeMulti(target, section, "entry")),
  "uretprobe.multi": (target, section) => choose(uprobeMulti(target, section, "return")),
  "uprobe.session": (target, section) => choose(uprobeMulti(target, section, "session")),
  usdt: (target, section) => choose(usdt(target, section)),
  tracepoint: (target, section) => choose(tracepoint(target, section)),
  raw_tracepoint: (event) => choose({ kind: "rawtracepoint", event }),
  tp_btf: () => choose({ kind: "typed" }),
  fentry: () => choose({ kind: "typed" }),
  fexit: () => choose({ kind: "typed" }),
  fmod_ret: () => choose({ kind: "typed" }),
  fsession: () => choose({ kind: "typed" }),
  "fentry.multi": (pattern) => choose({ kind: "typed-multi", pattern }),
  "fexit.multi": (pattern) => choose({ kind: "typed-multi", pattern }),
  "fsession.multi": (pattern) => choose({ kind: "typed-multi", pattern }),
  freplace: () => choose({ kind: "typed" }),
  lsm: () => choose({ kind: "typed" }),
  iter: (_target, _section, { iterator }) =>
    choose({ kind: "iterator", ...(iterator && { over: iterator }) }),
};

/** Other names of the same. */
const ALIASES: Readonly<Record<string, string>> = {
  tp: "tracepoint",
  raw_tp: "raw_tracepoint",
  "raw_tp.w": "raw_tracepoint",
  "raw_tracepoint.w": "raw_tracepoint",
};

/** Sections without a target that attach themselves nowhere: what has to be given, by the program's type. */
type PlaceRule = (places: HookPlaces, section: string) => HookChoice;

const inCgroup: PlaceRule = ({ cgroup }) =>
  cgroup === undefined ? { open: "a cgroup" } : choose({ kind: "cgroup", path: cgroup });
const inNetns: PlaceRule = ({ netns }) =>
  netns === undefined ? { open: "a network namespace" } : choose({ kind: "netns", path: netns });
const inSockmap: PlaceRule = ({ sockmap }) =>
  sockmap === undefined ? { open: "a sockmap" } : choose({ kind: "sockmap", map: sockmap });

const onSocket: PlaceRule = ({ socket }) =>
  socket === undefined ? { open: "a socket" } : choose({ kind: "socket", fd: socket });

const PLACES: ReadonlyMap<number, PlaceRule> = new Map<number, PlaceRule>([
  ...(
    [
      "CGROUP_SKB",
      "CGROUP_SOCK",
      "CGROUP_SOCK_ADDR",
      "CGROUP_DEVICE",
      "CGROUP_SYSCTL",
      "CGROUP_SOCKOPT",
      "SOCK_OPS",
    ] as const
  ).map((type) => [BPF_PROG_TYPE[type], inCgroup] as const),
  [BPF_PROG_TYPE.LSM, inCgroup],
  [BPF_PROG_TYPE.SK_LOOKUP, inNetns],
  [BPF_PROG_TYPE.FLOW_DISSECTOR, inNetns],
  [BPF_PROG_TYPE.SK_SKB, inSockmap],
  [BPF_PROG_TYPE.SK_MSG, inSockmap],
  [BPF_PROG_TYPE.XDP, xdp],
  [BPF_PROG_TYPE.SCHED_CLS, classifier],
  [
    BPF_PROG_TYPE.NETFILTER,
    ({ netfilter }) =>
      netfilter ? choose({ kind: "netfilter", ...netfilter }) : { open: "a netfilter hook" },
  ],
  [
    BPF_PROG_TYPE.LIRC_MODE2,
    ({ lirc }) =>
      lirc === undefined ? { open: "a receiver of infrared" } : choose({ kind: "lirc", path: lirc }),
  ],
  [
    BPF_PROG_TYPE.PERF_EVENT,
    ({ frequency }) =>
      frequency === undefined ? { open: "a sampling frequency" } : choose({ kind: "profile", frequency }),
  ],
  [BPF_PROG_TYPE.STRUCT_OPS, () => ({ open: "its struct_ops map, which is what attaches", never: true })],
  [BPF_PROG_TYPE.SYSCALL, () => ({ open: "a test run: nothing fires it", never: true })],
  [BPF_PROG_TYPE.SOCKET_FILTER, onSocket],
  [BPF_PROG_TYPE.SK_REUSEPORT, onSocket],
  [BPF_PROG_TYPE.SCHED_ACT, () => ({ open: "a tc filter that has it as its action", never: true })],
  ...(["LWT_IN", "LWT_OUT", "LWT_XMIT", "LWT_SEG6LOCAL"] as const).map(
    (type) =>
      [
        BPF_PROG_TYPE[type],
        () => ({
          open: "a route (ip route add ... encap bpf, with the program pinned)",
          never: true as const,
        }),
      ] as const,
  ),
]);

/**
 * Where a program's section says it goes, with `places` for what sections leave open.
 * @throws AttachError for a target that is not written as its kind asks for
 */
export function sectionHook(
  program: Pick<ProgramSpec, "section" | "type" | "name">,
  places: HookPlaces = {},
): HookChoice {
  const slash = program.section.indexOf("/");
  const name = slash < 0 ? program.section : program.section.slice(0, slash);
  const written = slash < 0 ? undefined : program.section.slice(slash + 1);
  const plain = name.replace(/\.s$/, "");
  const rule = RULES[ALIASES[plain] ?? plain];
  if (rule) {
    const target = places.target ?? written;
    return target === undefined || target === ""
      ? { open: `a target, as SEC("${name}/...") would name` }
      : rule(target, program.section, places);
  }
  const place = PLACES.get(program.type);
  return place ? place(places, program.section) : { open: "a hook of its own", never: true };
}

function xdp({ interface: device, xdpMode }: HookPlaces, section: string): HookChoice {
  if (/^xdp(\.frags)?\/(devmap|cpumap)$/.test(section))
    return { open: "an element of a devmap or cpumap", never: true };
  return device === undefined
    ? { open: "a network interface" }
    : choose({ kind: "xdp", interface: device, ...(xdpMode && { mode: xdpMode }) });
}

/** tc/ingress is tcx since libbpf 1.3; bare tc and classifier are the old way. */
function classifier({ interface: device, direction = "ingress" }: HookPlaces, section: string): HookChoice {
  if (device === undefined) return { open: "a network interface" };
  if (section.startsWith("netkit/")) return choose({ kind: "netkit", interface: device });
  if (section.includes("/")) return choose({ kind: "tcx", interface: device });
  return choose({ kind: "tc", interface: device, direction });
}

function kprobe(target: string, section: string, isReturn: boolean): Hook {
  const [, name, offset = "0"] = /^([\w.$]+)(?:\+((?:0x)?[0-9a-f]+))?$/i.exec(target) ?? [];
  if (name === undefined) throw malformed(section, 'SEC("kprobe/FUNCTION") or SEC("kprobe/FUNCTION+OFFSET")');
  if (isReturn && Number(offset) !== 0) throw malformed(section, "no offset: returns have none");
  return { kind: "kprobe", function: name, offset: Number(offset), return: isReturn };
}

function kprobeMulti(functions: string, mode: ProbeMode): Hook {
  return { kind: "kprobe-multi", functions, mode };
}

/** `FILE:FUNCTION`, `FILE:FUNCTION+OFFSET`, `FILE:OFFSET`. */
function uprobe(target: string, section: string, isReturn: boolean): Hook {
  const { path, place } = splitFile(target, section);
  const [, symbol, offset] = /^(.*?)(?:\+((?:0x)?[0-9a-f]+))?$/i.exec(place) ?? [];
  if (isReturn && offset !== undefined) throw malformed(section, "no offset: returns have none");
  if (/^(0x[0-9a-f]+|\d+)$/i.test(place))
    return { kind: "uprobe", path, offset: Number(place), return: isReturn };
  return { kind: "uprobe", path, symbol: symbol ?? place, offset: Number(offset ?? 0), return: isReturn };
}

function uprobeMulti(target: string, section: string, mode: ProbeMode): Hook {
  const { path, place } = splitFile(target, section);
  return { kind: "uprobe-multi", path, functions: place, mode };
}

function splitFile(target: string, section: string): { path: string; place: string } {
  const colon = target.indexOf(":");
  if (colon <= 0 || colon === target.length - 1) throw malformed(section, "FILE:FUNCTION");
  return { path: target.slice(0, colon), place: target.slice(colon + 1) };
}

function usdt(target: string, section: string): Hook {
  const [path, provider, name, ...rest] = target.split(":");
  if (!path || !provider || !name || rest.length > 0) throw malformed(section, "FILE:PROVIDER:NAME");
  return { kind: "usdt", path, provider, name };
}

function tracepoint(target: string, section: string): Hook {
  const slash = target.indexOf("/");
  if (slash <= 0) throw malformed(section, 'SEC("tracepoint/CATEGORY/EVENT")');
  return { kind: "tracepoint", category: target.slice(0, slash), event: target.slice(slash + 1) };
}

function malformed(section: string, wanted: string): AttachError {
  return new AttachError(section, `its target is not written as ${wanted}`, { code: "unknown" });
}
