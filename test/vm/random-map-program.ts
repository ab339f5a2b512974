import { BtfBuilder, BtfLinkage } from "../../src/btf/index.ts";
import {
  aluImmediate,
  call,
  encode,
  exit,
  load,
  loadMap,
  loadMapValue,
  moveImmediate,
  store,
  storeImmediate,
} from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import type { BpfAttr } from "../../src/kernel/index.ts";
import { BPF_FUNC, BPF_PROG_FLAG, BPF_PROG_TYPE, STRUCT } from "../../src/uapi/index.ts";
import { FUZZED_MAPS, mapOf } from "./fuzzed-maps.ts";
import type { FuzzedMap } from "./fuzzed-maps.ts";
import { CONTEXT, DYNPTR, slotOf } from "./frame.ts";
import type { CallMaker, Making } from "./frame.ts";
import {
  dynptrCall,
  eachCall,
  eventCall,
  innerCall,
  loopCall,
  queueCall,
  ringCall,
  tableCall,
  tailCall,
  textCall,
} from "./random-map-calls.ts";
import {
  changeCall,
  checksumCall,
  contextAccess,
  loadBytes,
  oldLoad,
  packetAccess,
  xdpCall,
} from "./random-packet-calls.ts";
import { Functions, link, loadState, localCall, randomBody, saveState } from "./random-program.ts";
import { Random } from "./random.ts";

/** A type of program: what it may do, and what a test run gives it. */
export interface ProgramKind {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  /** Results that its verifier lets it return. */
  readonly results: number;
  /** Test runs give it a packet, or a context alone. */
  readonly input: "packet" | "context";
  /** Members of the context that a test run may set. */
  readonly sets?: readonly { readonly offset: number; readonly size: number }[];
  readonly contextSize: number;
  readonly calls: readonly CallMaker[];
  /** Maps that its verifier does not let it use. */
  readonly refuses?: (map: FuzzedMap) => boolean;
}

const SKB = STRUCT.__sk_buff.fields;
const XDP = STRUCT.xdp_md.fields;
/** Helpers that all types have; what comes twice is called twice as often. */
const COMMON: readonly CallMaker[] = [
  tableCall,
  tableCall,
  tableCall,
  queueCall,
  innerCall,
  ringCall,
  ringCall,
  dynptrCall,
  textCall,
  textCall,
  loopCall,
  eachCall,
  tailCall,
];
const CONTEXT_WORDS = 8;
const words = Array.from({ length: CONTEXT_WORDS }, (_, word) => ({ offset: word * 8, size: 8 }));
const SKB_SETS = [SKB.mark, SKB.priority, SKB.cb, SKB.tstamp];
const SKB_READS = [SKB.len, SKB.protocol, SKB.mark, SKB.priority, SKB.cb, SKB.pkt_type, SKB.vlan_present];

export const KINDS: readonly ProgramKind[] = [
  {
    name: "tc",
    type: BPF_PROG_TYPE.SCHED_CLS,
    results: 8,
    input: "packet",
    sets: SKB_SETS,
    contextSize: STRUCT.__sk_buff.size,
    calls: [
      ...COMMON,
      contextAccess(
        [...SKB_READS, SKB.tstamp, SKB.tc_index, SKB.tc_classid, SKB.vlan_tci, SKB.queue_mapping],
        [SKB.mark, SKB.priority, SKB.cb, SKB.tstamp, SKB.tc_index, SKB.tc_classid],
      ),
      packetAccess("skb", true),
      packetAccess("skb", true),
      loadBytes,
      oldLoad,
      checksumCall,
      changeCall,
      changeCall,
      eventCall,
    ],
  },
  {
    name: "xdp",
    type: BPF_PROG_TYPE.XDP,
    results: 5,
    input: "packet",
    contextSize: STRUCT.xdp_md.size,
    calls: [
      ...COMMON,
      contextAccess([XDP.ingress_ifindex, XDP.rx_queue_index], []),
      packetAccess("xdp", true),
      packetAccess("xdp", true),
      checksumCall,
      xdpCall,
      xdpCall,
      xdpCall,
      eventCall,
    ],
  },
  {
    name: "socket filter",
    type: BPF_PROG_TYPE.SOCKET_FILTER,
    results: 1000,
    input: "packet",
    sets: SKB_SETS,
    contextSize: STRUCT.__sk_buff.size,
    calls: [
      ...COMMON.filter((make) => make !== tableCall),
      tableCall,
      contextAccess(SKB_READS, [SKB.cb]),
      loadBytes,
      oldLoad,
      oldLoad,
    ],
    refuses: (map) => map.special !== undefined,
  },
  {
    name: "cgroup",
    type: BPF_PROG_TYPE.CGROUP_SKB,
    results: 2,
    input: "packet",
    sets: SKB_SETS,
    contextSize: STRUCT.__sk_buff.size,
    calls: [
      ...COMMON,
      contextAccess(SKB_READS, [SKB.mark, SKB.priority, SKB.cb]),
      packetAccess("skb", false),
      loadBytes,
      loadBytes,
    ],
  },
  {
    name: "raw tracepoint",
    type: BPF_PROG_TYPE.RAW_TRACEPOINT,
    results: 2,
    input: "context",
    contextSize: CONTEXT_WORDS * 8,
    calls: [...COMMON, contextAccess(words, [])],
    refuses: (map) => map.special !== undefined,
  },
  {
    name: "syscall",
    type: BPF_PROG_TYPE.SYSCALL,
    flags: BPF_PROG_FLAG.SLEEPABLE,
    results: 1000,
    input: "context",
    contextSize: CONTEXT_WORDS * 8,
    calls: [tableCall, ringCall, dynptrCall, textCall, loopCall, eachCall, contextAccess(words, words)],
    // Sleeping programs use arrays, hashes and rings.
    refuses: (map) => map.use === "queue" || map.special !== undefined || map.keys === "prefix",
  },
];

/** A program as it is loaded, and the maps that it names. */
export interface FuzzedProgram {
  readonly insns: readonly Insn[];
  readonly used: ReadonlySet<number>;
  /** First slots of its functions. */
  readonly starts: readonly number[];
}

/**
 * A program of some kind: its registers and slots come from a map's value and go back there; between random
 * instructions it calls helpers. `maps` are descriptors, in the order of FUZZED_MAPS.
 */
export function randomMapProgram(
  kind: ProgramKind,
  seed: number,
  length: number,
  maps: readonly number[],
): FuzzedProgram {
  const random = new Random(seed);
  const allowed = FUZZED_MAPS.flatMap((map, index) => (kind.refuses?.(map) ? [] : [index]));
  const making: Making = { random, maps, allowed, used: new Set(), functions: new Functions() };
  const body = randomBody(random, length, () => {
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return [...random.pick(kind.calls)(making), ...setRegisters(random)];
      case 4:
        return random.below(3) === 0 ? localCall(random, making.functions) : undefined;
      default:
        return undefined;
    }
  });
  const state = loadMapValue(9, maps[mapOf("state")]!, 0);
  const main = [store(8, 10, CONTEXT, 1), ...state, ...loadState(9)];
  for (let place = DYNPTR; place < CONTEXT; place += 8) main.push(storeImmediate(8, 10, place, 0));
  main.push(...body, ...state, ...saveState(9), moveImmediate(0, random.below(kind.results)), exit());
  return { ...link(main, making.functions), used: making.used };
}

/** A call leaves r1 to r5 unreadable, so they are given values again. */
function setRegisters(random: Random): Insn[] {
  return [1, 2, 3, 4, 5].map((register) => load(8, register, 10, slotOf(random)));
}

const MAX_FUNCTIONS = 200;

/** BTF of programs' functions, since the verifier asks for that of callbacks: (u64) -> int, all static. */
export function functionTypes(): { readonly bytes: Uint8Array; readonly first: number } {
  const btf = new BtfBuilder();
  const int = btf.signedInt("int", 4);
  const u64 = btf.int("u64", 8);
  const prototype = btf.prototype(int, [{ name: "value", type: u64 }]);
  const first = btf.nextId;
  for (let index = 0; index < MAX_FUNCTIONS; index++) btf.func(`f${index}`, prototype, BtfLinkage.Static);
  return { bytes: btf.encode(), first };
}

/** What loads it, with the functions' types. */
export function loadAttr(
  kind: ProgramKind,
  { insns, starts }: FuzzedProgram,
  prog_btf_fd: BpfAttr["PROG_LOAD"]["prog_btf_fd"],
  firstType: number,
): BpfAttr["PROG_LOAD"] {
  const records = Uint32Array.from(starts.flatMap((start, index) => [start, firstType + index]));
  return {
    prog_type: kind.type,
    prog_flags: kind.flags ?? 0,
    insns: encode(insns),
    license: "GPL",
    prog_btf_fd,
    func_info: new Uint8Array(records.buffer),
    func_info_cnt: starts.length,
    func_info_rec_size: 8,
  };
}

/** Where programs go on by tail calls: two that leave their number in the state, and one that calls itself. */
export function tailTargets(kind: ProgramKind, maps: readonly number[]): FuzzedProgram[] {
  const state = (register: number): Insn[] => loadMapValue(register, maps[mapOf("state")]!, 0);
  const finish = (number: number): Insn[] => [
    ...state(2),
    storeImmediate(8, 2, 0, number),
    moveImmediate(0, number % kind.results),
    exit(),
  ];
  const again = [
    ...state(2),
    load(8, 3, 2, 8),
    aluImmediate("ADD", 3, 1),
    store(8, 2, 8, 3),
    ...loadMap(2, maps[mapOf("programs")]!),
    moveImmediate(3, 2),
    // Until the kernel has enough of it.
    call(BPF_FUNC.tail_call),
    ...finish(3),
  ];
  return [finish(1), finish(2), again].map((insns) => ({ insns, used: new Set(), starts: [0] }));
}
