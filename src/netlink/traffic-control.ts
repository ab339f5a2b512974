import { ByteReader, ByteWriter } from "../util/index.ts";
import { Attributes, encodeAttributes } from "./attributes.ts";
import type { Attribute } from "./attributes.ts";
import {
  ETH_P_ALL,
  NLM_F,
  RTM,
  TC_HANDLE,
  TCA,
  TCA_ACT,
  TCA_ACT_BPF,
  TCA_BPF,
  TCA_BPF_FLAG_ACT_DIRECT,
} from "./constants.ts";
import { NetlinkError } from "./error.ts";
import type { NetlinkMessage } from "./message.ts";
import { dump, request } from "./request.ts";
import type { NetlinkPort } from "./request.ts";

/** A queueing discipline or a class. */
export interface TrafficQueue {
  readonly ifindex: number;
  readonly handle: number;
  readonly parent: number;
  /** `clsact`, `fq_codel`. */
  readonly kind: string | undefined;
}

/** A filter that runs a program. */
export interface BpfFilter {
  readonly ifindex: number;
  readonly handle: number;
  readonly parent: number;
  readonly priority: number;
  /** Big-endian ethertype as a number: 0x0300 is ETH_P_ALL. */
  readonly protocol: number;
  readonly name: string | undefined;
  /** Of the program. */
  readonly id: number | undefined;
  readonly direct: boolean;
  /** Programs that are actions behind it; undefined where it has none. */
  readonly actions: readonly BpfAction[] | undefined;
}

export interface BpfAction {
  readonly name: string | undefined;
  readonly id: number | undefined;
}

/** struct tcmsg. */
const HEADER_SIZE = 20;

interface Header {
  readonly ifindex: number;
  readonly handle: number;
  readonly parent: number;
  readonly info: number;
}

function payload(header: Partial<Header>, attributes: readonly Attribute[] = []): Uint8Array {
  const { ifindex = 0, handle = 0, parent = 0, info = 0 } = header;
  return new ByteWriter()
    .u32(0)
    .u32(ifindex)
    .u32(handle)
    .u32(parent)
    .u32(info)
    .raw(encodeAttributes(attributes))
    .finish();
}

function decode({ payload: bytes }: NetlinkMessage): Header & { readonly attributes: Attributes } {
  if (bytes.length < HEADER_SIZE)
    throw new NetlinkError("netlink/malformed", `A traffic control object in ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  return {
    ifindex: reader.i32(4),
    handle: reader.u32(8),
    parent: reader.u32(12),
    info: reader.u32(16),
    attributes: Attributes.parse(bytes.subarray(HEADER_SIZE)),
  };
}

/** Of all interfaces, or of one. */
export function queueingDisciplines(kernel: NetlinkPort, ifindex?: number): TrafficQueue[] {
  return dump(kernel, "Listing queueing disciplines", RTM.GETQDISC, payload({ ifindex: ifindex ?? 0 }))
    .filter(({ type }) => type === RTM.NEWQDISC)
    .map(decodeQueue)
    .filter((queue) => ifindex === undefined || queue.ifindex === ifindex);
}

export function trafficClasses(kernel: NetlinkPort, ifindex: number): TrafficQueue[] {
  return dump(kernel, "Listing traffic classes", RTM.GETTCLASS, payload({ ifindex }))
    .filter(({ type }) => type === RTM.NEWTCLASS)
    .map(decodeQueue);
}

/** @throws NetlinkError `netlink/malformed` */
export function decodeQueue(message: NetlinkMessage): TrafficQueue {
  const { ifindex, handle, parent, attributes } = decode(message);
  return { ifindex, handle, parent, kind: attributes.text(TCA.KIND) };
}

/** Filters of kind `bpf` below a parent, as TC_HANDLE.INGRESS; none where there is no such parent. */
export function bpfFilters(kernel: NetlinkPort, ifindex: number, parent: number): BpfFilter[] {
  return dump(kernel, "Listing filters", RTM.GETTFILTER, payload({ ifindex, parent }))
    .filter(({ type }) => type === RTM.NEWTFILTER)
    .flatMap((message) => decodeBpfFilter(message) ?? []);
}

/**
 * Undefined for filters of another kind, and for the chain's own entry.
 * @throws NetlinkError `netlink/malformed`
 */
export function decodeBpfFilter(message: NetlinkMessage): BpfFilter | undefined {
  const { ifindex, handle, parent, info, attributes } = decode(message);
  const options = attributes.text(TCA.KIND) === "bpf" ? attributes.nested(TCA.OPTIONS) : undefined;
  if (!options) return undefined;
  const actions = options.nested(TCA_BPF.ACT);
  return {
    ifindex,
    handle,
    parent,
    priority: info >>> 16,
    protocol: info & 0xffff,
    name: options.text(TCA_BPF.NAME),
    id: options.u32(TCA_BPF.ID),
    direct: ((options.u32(TCA_BPF.FLAGS) ?? 0) & TCA_BPF_FLAG_ACT_DIRECT) !== 0,
    actions: actions?.types().flatMap((type) => decodeAction(actions.nested(type)) ?? []),
  };
}

function decodeAction(action: Attributes | undefined): BpfAction | undefined {
  const options = action?.text(TCA_ACT.KIND) === "bpf" ? action.nested(TCA_ACT.OPTIONS) : undefined;
  return options && { name: options.text(TCA_ACT_BPF.NAME), id: options.u32(TCA_ACT_BPF.ID) };
}

const CLSACT = { handle: TC_HANDLE.CLSACT_QDISC, parent: TC_HANDLE.CLSACT } as const;

/** Makes an interface's hooks for filters, `ingress` and `egress`; EEXIST where it has them. */
export function addClsact(kernel: NetlinkPort, ifindex: number): void {
  request(kernel, `Adding clsact to interface ${ifindex}`, {
    type: RTM.NEWQDISC,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    payload: payload({ ifindex, ...CLSACT }, [[TCA.KIND, "clsact"]]),
  });
}

/** Removes the hooks and all filters at them. */
export function deleteClsact(kernel: NetlinkPort, ifindex: number): void {
  request(kernel, `Deleting clsact of interface ${ifindex}`, {
    type: RTM.DELQDISC,
    flags: 0,
    payload: payload({ ifindex, ...CLSACT }, [[TCA.KIND, "clsact"]]),
  });
}

export type TrafficDirection = "ingress" | "egress";

const PARENTS: Readonly<Record<TrafficDirection, number>> = {
  ingress: TC_HANDLE.INGRESS,
  egress: TC_HANDLE.EGRESS,
};

export interface BpfFilterRequest {
  readonly ifindex: number;
  readonly direction: TrafficDirection;
  /** Descriptor of a SCHED_CLS program. */
  readonly program: number;
  readonly name: string;
  /** 0: the kernel chooses, and says so in the answer. */
  readonly priority?: number;
  readonly handle?: number;
  /** Takes the place of the filter with this priority and handle. */
  readonly replace?: boolean;
}

/** Adds a filter whose program gives the verdict (direct action); returns what the kernel made. */
export function addBpfFilter(kernel: NetlinkPort, filter: BpfFilterRequest): BpfFilter {
  const answers = request(kernel, `Adding a filter at ${filter.direction} of interface ${filter.ifindex}`, {
    type: RTM.NEWTFILTER,
    flags: NLM_F.CREATE | NLM_F.ECHO | (filter.replace === true ? NLM_F.REPLACE : NLM_F.EXCL),
    payload: payload(filterHeader(filter), [
      [TCA.KIND, "bpf"],
      [
        TCA.OPTIONS,
        [
          [TCA_BPF.FD, filter.program],
          [TCA_BPF.NAME, filter.name],
          [TCA_BPF.FLAGS, TCA_BPF_FLAG_ACT_DIRECT],
        ],
      ],
    ]),
  });
  const made = answers.map(decodeBpfFilter).find((answer) => answer !== undefined);
  if (!made) throw new NetlinkError("netlink/malformed", "The kernel did not say which filter it made");
  return made;
}

/** Deletes the filter with this priority and handle. */
export function deleteBpfFilter(
  kernel: NetlinkPort,
  filter: {
    readonly ifindex: number;
    readonly direction: TrafficDirection;
    readonly priority: number;
    readonly handle: number;
  },
): void {
  request(kernel, `Deleting a filter at ${filter.direction} of interface ${filter.ifindex}`, {
    type: RTM.DELTFILTER,
    flags: 0,
    payload: payload(filterHeader(filter), [[TCA.KIND, "bpf"]]),
  });
}

function filterHeader(filter: {
  readonly ifindex: number;
  readonly direction: TrafficDirection;
  readonly priority?: number;
  readonly handle?: number;
}): Header {
  return {
    ifindex: filter.ifindex,
    parent: PARENTS[filter.direction],
    handle: filter.handle ?? 0,
    info: (((filter.priority ?? 0) << 16) | swap16(ETH_P_ALL)) >>> 0,
  };
}

/** htons() on the little-endian machines that bpfkit runs on. */
function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
