import { BPF_PROG_TYPE, BPF_TEST_FLAG, STRUCT } from "../../../uapi/index.ts";
import type { FieldLayout } from "../../../uapi/index.ts";
import type { BpfAttr, BpfResult } from "../../index.ts";
import { KernelFailure, failure } from "../kernel-object.ts";
import { ENOTSUPP } from "../maps/index.ts";
import type { World } from "../world.ts";
import { Packet, skbContext, xdpContext } from "./packet.ts";
import type { PacketContext } from "./packet.ts";
import type { BpfProgram } from "./program.ts";

// What PROG_TEST_RUN takes, checks and answers, by type of program: net/bpf/test_run.c.

type Attr = BpfAttr["PROG_TEST_RUN"];
type Answer = BpfResult["PROG_TEST_RUN"];
type Runner = (world: World, program: BpfProgram, attr: Attr) => Answer;

const PAGE_SIZE = 4096;
const ETH_HLEN = 14;
/** NET_SKB_PAD + NET_IP_ALIGN, and struct skb_shared_info. */
const SKB_HEADROOM = 64;
const SKB_TAILROOM = 320;
const XDP_HEADROOM = 256;
const MAX_CONTEXT = 0xffff;
const GSO_LEGACY_MAX_SIZE = 65_536;
/** Metadata of XDP: at most 255 bytes, by words. */
const MAX_META = 252;

const SKB = STRUCT.__sk_buff;
const MD = STRUCT.xdp_md;

/** Programs that see a packet from its link-layer header on. */
const LAYER_2: ReadonlySet<number> = new Set([BPF_PROG_TYPE.SCHED_CLS, BPF_PROG_TYPE.SCHED_ACT]);

const RUNNERS: ReadonlyMap<number, Runner> = new Map<number, Runner>([
  ...[
    BPF_PROG_TYPE.SOCKET_FILTER,
    BPF_PROG_TYPE.SCHED_CLS,
    BPF_PROG_TYPE.SCHED_ACT,
    BPF_PROG_TYPE.CGROUP_SKB,
    BPF_PROG_TYPE.LWT_IN,
    BPF_PROG_TYPE.LWT_OUT,
    BPF_PROG_TYPE.LWT_XMIT,
    BPF_PROG_TYPE.LWT_SEG6LOCAL,
  ].map((type): [number, Runner] => [type, runSkb]),
  [BPF_PROG_TYPE.XDP, runXdp],
  [BPF_PROG_TYPE.RAW_TRACEPOINT, runRawTracepoint],
  [BPF_PROG_TYPE.RAW_TRACEPOINT_WRITABLE, runRawTracepoint],
  [BPF_PROG_TYPE.SYSCALL, runSyscall],
  [BPF_PROG_TYPE.FLOW_DISSECTOR, runFlowDissector],
  [BPF_PROG_TYPE.SK_LOOKUP, runSkLookup],
  [BPF_PROG_TYPE.TRACING, runTracing],
]);

export function testRun(world: World, program: BpfProgram, attr: Attr): Answer {
  const runner = RUNNERS.get(program.type);
  if (!runner) throw new KernelFailure(ENOTSUPP);
  return runner(world, program, attr);
}

function refuseUnless(holds: boolean): void {
  if (!holds) throw failure("EINVAL");
}

const isEmpty = (bytes: Uint8Array | undefined): boolean => !bytes || bytes.length === 0;

function repeatOf(attr: Attr): number {
  return Math.max(1, (attr.repeat ?? 0) >>> 0);
}

/** Runs and times; nanoseconds a run. */
function timed(
  world: World,
  program: BpfProgram,
  attr: Attr,
  context: number,
  packet?: PacketContext,
): { readonly retval: number; readonly duration: number } {
  const repeat = repeatOf(attr);
  const start = process.hrtime.bigint();
  const cpu = attr.flags === BPF_TEST_FLAG.RUN_ON_CPU ? (attr.cpu ?? 0) : 0;
  const result = world.execute({ program, task: world.self, cpu, context, packet }, repeat);
  const duration = Number((process.hrtime.bigint() - start) / BigInt(repeat));
  return { retval: Number(result & 0xffffffffn), duration: Math.min(duration, 0xffffffff) };
}

/** bpf_test_finish: what does not fit is cut, and told with ENOSPC. */
function copyOut(out: Uint8Array | undefined, bytes: Uint8Array): number {
  if (isEmpty(out)) return bytes.length;
  out!.set(bytes.subarray(0, out!.length));
  if (out!.length < bytes.length) throw failure("ENOSPC");
  return bytes.length;
}

/** bpf_ctx_init: the context given, filled up with zeroes; bytes beyond what is known must be zero. */
function contextIn(attr: Attr, size: number): Uint8Array | undefined {
  if (isEmpty(attr.ctx_in) && isEmpty(attr.ctx_out)) return undefined;
  const context = new Uint8Array(size);
  const given = attr.ctx_in ?? new Uint8Array(0);
  if (given.subarray(size).some((byte) => byte !== 0)) throw failure("E2BIG");
  context.set(given.subarray(0, size));
  return context;
}

function contextOut(attr: Attr, context: Uint8Array | undefined): number {
  if (!context || isEmpty(attr.ctx_out)) return 0;
  attr.ctx_out!.set(context.subarray(0, attr.ctx_out!.length));
  if (attr.ctx_out!.length < context.length) throw failure("ENOSPC");
  return context.length;
}

/** Members of a context that the caller may set (convert___skb_to_skb). */
const SKB_INPUTS = [
  "mark",
  "priority",
  "ingress_ifindex",
  "ifindex",
  "cb",
  "tstamp",
  "wire_len",
  "gso_segs",
  "gso_size",
  "hwtstamp",
] as const;

function onlySets(context: Uint8Array, allowed: readonly FieldLayout[]): boolean {
  return context.every(
    (byte, at) => byte === 0 || allowed.some(({ offset, size }) => at >= offset && at < offset + size),
  );
}

function runSkb(world: World, program: BpfProgram, attr: Attr): Answer {
  const { data_in = new Uint8Array(0), flags = 0, cpu = 0, batch_size = 0 } = attr;
  refuseUnless((flags & ~BPF_TEST_FLAG.SKB_CHECKSUM_COMPLETE) === 0 && cpu === 0 && batch_size === 0);
  refuseUnless(data_in.length >= ETH_HLEN && data_in.length <= PAGE_SIZE - SKB_HEADROOM - SKB_TAILROOM);
  // The network header must be there, whole.
  refuseUnless(data_in.length >= ETH_HLEN + (NETWORK_HEADER.get(protocolOf(data_in)) ?? 0));
  const given = contextIn(attr, SKB.size);
  const view = new DataView((given ?? new Uint8Array(SKB.size)).buffer);
  const { fields } = SKB;
  const layer2 = LAYER_2.has(program.type);
  if (given) {
    const ifindex = view.getUint32(fields.ifindex.offset, true);
    // Interfaces are those of a network namespace of its own: there is the loopback alone.
    if (ifindex > 1) throw failure("ENODEV");
    refuseUnless(
      onlySets(
        given,
        SKB_INPUTS.map((name) => fields[name]),
      ),
    );
    const wire = view.getUint32(fields.wire_len.offset, true);
    const seen = data_in.length - (layer2 ? 0 : ETH_HLEN);
    refuseUnless(wire === 0 || (wire >= seen && wire <= GSO_LEGACY_MAX_SIZE));
    refuseUnless(view.getUint32(fields.gso_segs.offset, true) <= 0xffff);
  }
  const { memory } = world;
  const packet = new Packet(memory, data_in, SKB_HEADROOM, SKB_TAILROOM);
  const address = memory.store(new Uint8Array(view.buffer));
  try {
    if (!layer2) packet.remove(0, ETH_HLEN);
    const context = skbContext(packet, address, layer2 ? ETH_HLEN : 0);
    const set = (
      name: "protocol" | "ifindex" | "ingress_ifindex" | "wire_len" | "gso_segs" | "pkt_type",
      value: number,
    ): void => memory.setU32(address + fields[name].offset, value);
    set("protocol", protocolOf(data_in));
    set("pkt_type", packetType(data_in));
    if (view.getUint32(fields.ifindex.offset, true) === 0) set("ifindex", 1);
    if (view.getUint32(fields.wire_len.offset, true) === 0) set("wire_len", packet.length);
    context.sync();
    const { retval, duration } = timed(world, program, attr, address, context);
    // bpf_prog_test_run_skb gives L3 packets their header's room back, as zeroes.
    if (!layer2) {
      packet.insert(0, ETH_HLEN);
      context.sync();
    }
    const after = memory.slice(address, SKB.size).slice();
    if (given)
      for (const name of SKB_HIDDEN)
        after.fill(0, fields[name].offset, fields[name].offset + fields[name].size);
    const data_size_out = copyOut(attr.data_out, packet.bytes());
    return { retval, duration, data_size_out, ctx_size_out: contextOut(attr, given && after) };
  } finally {
    packet.free();
    memory.free(address);
  }
}

/** What convert_skb_to___skb does not give back. */
const SKB_HIDDEN = [
  "len",
  "pkt_type",
  "queue_mapping",
  "protocol",
  "vlan_present",
  "vlan_tci",
  "vlan_proto",
  "tc_index",
  "hash",
  "tc_classid",
  "data",
  "data_end",
  "napi_id",
  "data_meta",
  "sk",
] as const;

/** eth_type_trans: the protocol in network order; lengths are of IEEE 802.3's older frames. */
function protocolOf(frame: Uint8Array): number {
  const [high = 0, low = 0, first = 0, second = 0] = frame.subarray(12, 16);
  if (high >= 6) return high | (low << 8);
  const raw = frame.length >= ETH_HLEN + 2 && first === 0xff && second === 0xff;
  return (raw ? ETH_P_802_3 : ETH_P_802_2) << 8;
}

/** Bytes of network headers, by the protocol in network order: IPv4 and IPv6. */
const NETWORK_HEADER: ReadonlyMap<number, number> = new Map([
  [0x0008, 20],
  [0xdd86, 40],
]);

const ETH_P_802_3 = 1;
const ETH_P_802_2 = 4;

/** eth_type_trans: PACKET_BROADCAST, PACKET_MULTICAST, or PACKET_HOST and PACKET_OTHERHOST by the address. */
function packetType(frame: Uint8Array): number {
  const to = frame.subarray(0, 6);
  if (to.every((byte) => byte === 0xff)) return 1;
  if ((to[0]! & 1) !== 0) return 2;
  // The loopback's own address is zero.
  return to.every((byte) => byte === 0) ? 0 : 3;
}

function runXdp(world: World, program: BpfProgram, attr: Attr): Answer {
  const { data_in = new Uint8Array(0), flags = 0, batch_size = 0 } = attr;
  const { fields } = MD;
  refuseUnless(flags === 0 && batch_size === 0);
  const given = contextIn(attr, MD.size);
  const view = new DataView((given ?? new Uint8Array(MD.size)).buffer);
  const number = (name: keyof typeof fields): number => view.getUint32(fields[name].offset, true);
  const meta = number("data");
  refuseUnless(number("data_meta") === 0 && number("data_end") <= data_in.length);
  refuseUnless(meta <= number("data_end") && meta % 4 === 0 && meta <= MAX_META);
  refuseUnless(data_in.length - meta >= ETH_HLEN);
  checkInterface(number("ingress_ifindex"), number("rx_queue_index"), number("egress_ifindex"));
  // What is behind the context's end, or the page's, lies in fragments.
  const most = PAGE_SIZE - (XDP_HEADROOM - meta) - SKB_TAILROOM;
  const linear = Math.min(given ? number("data_end") : data_in.length, most);
  const { memory } = world;
  const packet = new Packet(memory, data_in.subarray(0, linear), XDP_HEADROOM - meta, most - linear);
  const address = memory.allocateShared(MD.size);
  try {
    packet.data += meta;
    packet.rest = data_in.slice(linear);
    const context = xdpContext(packet, address);
    memory.setU32(address + fields.ingress_ifindex.offset, 1);
    context.sync();
    const { retval, duration } = timed(world, program, attr, address, context);
    const bytes = Buffer.concat([memory.slice(packet.meta, packet.dataEnd - packet.meta), packet.rest]);
    const after = view;
    after.setUint32(fields.data.offset, packet.data - packet.meta, true);
    after.setUint32(fields.data_end.offset, packet.dataEnd - packet.meta, true);
    const data_size_out = copyOut(attr.data_out, bytes);
    return { retval, duration, data_size_out, ctx_size_out: contextOut(attr, given) };
  } finally {
    packet.free();
    memory.free(address);
  }
}

/** xdp_convert_md_to_buff: there is the loopback alone, with one queue. */
function checkInterface(ingress: number, queue: number, egress: number): void {
  refuseUnless(egress === 0 && (ingress !== 0 || queue === 0));
  if (ingress > 1) throw failure("ENODEV");
  refuseUnless(queue === 0);
}

/** MAX_BPF_FUNC_ARGS. */
const MAX_ARGUMENTS = 12;

function runRawTracepoint(world: World, program: BpfProgram, attr: Attr): Answer {
  const { ctx_in = new Uint8Array(0), flags = 0, cpu = 0 } = attr;
  refuseUnless(isEmpty(attr.data_in) && isEmpty(attr.data_out) && isEmpty(attr.ctx_out));
  refuseUnless((attr.repeat ?? 0) === 0 && (attr.batch_size ?? 0) === 0);
  // Other flags are not looked at.
  const onCpu = (flags & BPF_TEST_FLAG.RUN_ON_CPU) !== 0;
  refuseUnless((onCpu || cpu === 0) && ctx_in.length <= MAX_ARGUMENTS * 8);
  if (onCpu && cpu >= world.cpus) throw failure("ENXIO");
  // What was not given is zero.
  const context = new Uint8Array(MAX_ARGUMENTS * 8);
  context.set(ctx_in);
  return world.memory.withShared(context, (address) => ({
    ...timed(world, program, { ...attr, repeat: 1 }, address),
    duration: 0,
    data_size_out: 0,
    ctx_size_out: 0,
  }));
}

function runSyscall(world: World, program: BpfProgram, attr: Attr): Answer {
  const { ctx_in = new Uint8Array(0), flags = 0 } = attr;
  refuseUnless(isEmpty(attr.data_in) && isEmpty(attr.data_out) && isEmpty(attr.ctx_out));
  refuseUnless((attr.repeat ?? 0) === 0 && flags === 0 && (attr.batch_size ?? 0) === 0);
  refuseUnless(ctx_in.length <= MAX_CONTEXT);
  return world.memory.withShared(ctx_in, (address) => {
    const { retval } = timed(world, program, attr, ctx_in.length === 0 ? 0 : address);
    // It comes back to where it was taken from.
    ctx_in.set(world.memory.slice(address, ctx_in.length));
    return { retval, duration: 0, data_size_out: 0, ctx_size_out: 0 };
  });
}

function runFlowDissector(world: World, program: BpfProgram, attr: Attr): Answer {
  const { data_in = new Uint8Array(0) } = attr;
  refuseUnless((attr.flags ?? 0) === 0 && (attr.cpu ?? 0) === 0 && data_in.length >= ETH_HLEN);
  const { memory } = world;
  const { fields, size } = STRUCT.bpf_flow_keys;
  const packet = new Packet(memory, data_in, SKB_HEADROOM, SKB_TAILROOM);
  const address = memory.allocateShared(SKB.size);
  const keys = memory.allocateShared(size);
  try {
    const context = skbContext(packet, address, ETH_HLEN);
    memory.setU32(address + SKB.fields.protocol.offset, protocolOf(data_in));
    memory.setU64(address + SKB.fields.flow_keys.offset, memory.pointer(keys));
    memory.view.setUint16(keys + fields.nhoff.offset, ETH_HLEN, true);
    memory.view.setUint16(keys + fields.thoff.offset, ETH_HLEN, true);
    memory.view.setUint16(keys + fields.n_proto.offset, data_in[12]! | (data_in[13]! << 8), true);
    context.sync();
    const { retval, duration } = timed(world, program, attr, address, context);
    const data_size_out = copyOut(attr.data_out, memory.slice(keys, size));
    return { retval, duration, data_size_out, ctx_size_out: 0 };
  } finally {
    packet.free();
    memory.free(address);
    memory.free(keys);
  }
}

function runSkLookup(world: World, program: BpfProgram, attr: Attr): Answer {
  refuseUnless(
    (attr.flags ?? 0) === 0 && (attr.cpu ?? 0) === 0 && isEmpty(attr.data_in) && isEmpty(attr.data_out),
  );
  const context = contextIn(attr, STRUCT.bpf_sk_lookup.size);
  refuseUnless(context !== undefined);
  return world.memory.withShared(context!, (address) => {
    const { retval, duration } = timed(world, program, attr, address);
    const ctx_size_out = contextOut(attr, world.memory.slice(address, context!.length).slice());
    return { retval, duration, data_size_out: 0, ctx_size_out };
  });
}

/** A typed tracepoint's program runs on arguments as a raw one's does; what traces functions runs on none. */
function runTracing(world: World, program: BpfProgram, attr: Attr): Answer {
  return runRawTracepoint(world, program, attr);
}
