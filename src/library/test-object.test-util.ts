import { strictEqual } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { BtfBuilder, BtfLinkage, type BtfMember } from "../btf/index.ts";
import {
  alu,
  aluImmediate,
  atomic,
  branchImmediate,
  call,
  exit,
  load,
  loadImmediate64,
  move,
  moveImmediate,
  store,
} from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import type { MapSpec, ObjectSpec, ProgramSpec, Relocation } from "../object/index.ts";
import type { BloomMap, BpfMap, EventMap, Program, QueueMap } from "./index.ts";
import { BPF_F, BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";

/** The suites run once on each kernel, as projects of vitest.config.ts. */
export const onEmbedded: boolean = process.env["BPFKIT_KERNEL"] === "embedded";
/** bpf(2) as root, which all tests that load something into the running kernel need. */
export const canLoad: boolean = onEmbedded || process.getuid?.() === 0;
if (!canLoad) console.log("Skipped: loading programs takes root");

/** Descriptors are the same before and after. */
export async function closesAll(run: () => unknown): Promise<void> {
  const before = openDescriptors();
  await run();
  // Handles of the event loop close in its next turn.
  await new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
  strictEqual(openDescriptors(), before, "descriptors that are open");
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** What the skeleton of {@link testObject} would say. */
export interface TestObject {
  readonly programs: { readonly send: Program; readonly multiply: Program };
  readonly maps: {
    readonly events: EventMap<TestEvent>;
    readonly counts: BpfMap<number, bigint>;
    readonly places: BpfMap<{ row: number; column: number }, bigint>;
    readonly cpus: BpfMap<number, bigint[]>;
    readonly table: BpfMap<number, bigint>;
    readonly queue: QueueMap<Uint8Array>;
    readonly seen: BloomMap<Uint8Array>;
  };
  readonly globals: { sent: bigint; dropped: bigint; factor: number };
}

export interface TestEvent {
  readonly pid: number;
  readonly kind: number;
  readonly when: bigint;
  readonly comm: string;
}

const RING = 1 << 16;

/**
 * An object as clang would make it: `send` puts `struct event { u32 pid; u32 kind; u64 when; char comm[16]; }` into
 * the ring, `sent` and `dropped` count; `double` returns twice its first argument; maps of all kinds.
 */
export function testObject(ringSize: number = RING): ObjectSpec {
  const b = new BtfBuilder();
  const int = b.signedInt("int", 4);
  const u32 = b.int("unsigned int", 4);
  const u64 = b.int("unsigned long long", 8);
  const char = b.signedInt("char", 1);
  const comm = b.array(char, int, 16);
  // Nothing refers to it: a reader finds it by its size.
  b.struct("event", 32, [
    member("pid", u32, 0),
    member("kind", u32, 4),
    member("when", u64, 8),
    member("comm", comm, 16),
  ]);
  const place = b.struct("place", 8, [member("row", u32, 0), member("column", u32, 4)]);
  const bss = b.dataSection(".bss", 16, [
    { type: b.variable("sent", u64, BtfLinkage.Global), offset: 0, size: 8 },
    { type: b.variable("dropped", u64, BtfLinkage.Global), offset: 8, size: 8 },
  ]);
  const rodata = b.dataSection(".rodata", 8, [
    { type: b.variable("factor", u32, BtfLinkage.Global), offset: 0, size: 4 },
  ]);
  const typed = { btfKeyTypeId: u32, btfValueTypeId: u64, keySize: 4, valueSize: 8, flags: 0 };
  const maps: MapSpec[] = [
    { name: "events", type: BPF_MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: ringSize, flags: 0 },
    { name: "counts", type: BPF_MAP_TYPE.HASH, maxEntries: 64, ...typed },
    { name: "places", type: BPF_MAP_TYPE.HASH, maxEntries: 8, ...typed, btfKeyTypeId: place, keySize: 8 },
    { name: "cpus", type: BPF_MAP_TYPE.PERCPU_ARRAY, maxEntries: 2, ...typed },
    { name: "table", type: BPF_MAP_TYPE.ARRAY, maxEntries: 4, ...typed, flags: BPF_F.MMAPABLE },
    { name: "queue", type: BPF_MAP_TYPE.QUEUE, keySize: 0, valueSize: 8, maxEntries: 2, flags: 0 },
    { name: "seen", type: BPF_MAP_TYPE.BLOOM_FILTER, keySize: 0, valueSize: 4, maxEntries: 100, flags: 0 },
    {
      name: ".bss",
      type: BPF_MAP_TYPE.ARRAY,
      keySize: 4,
      valueSize: 16,
      maxEntries: 1,
      flags: BPF_F.MMAPABLE,
      contents: new Uint8Array(16),
      btfValueTypeId: bss,
    },
    {
      name: ".rodata",
      type: BPF_MAP_TYPE.ARRAY,
      keySize: 4,
      valueSize: 8,
      maxEntries: 1,
      flags: BPF_F.RDONLY_PROG | BPF_F.MMAPABLE,
      contents: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0),
      frozen: true,
      btfValueTypeId: rodata,
    },
  ];
  return { license: "GPL", maps, programs: [sender(), multiplier()], btf: b.encode() };
}

function program(name: string, insns: Insn[], relocations: Relocation[]): ProgramSpec {
  const type = BPF_PROG_TYPE.SOCKET_FILTER;
  return { name, section: "socket", type, insns, relocations, functions: [], lines: [] };
}

/** Sends one event; `when` is the count of those sent before. */
function sender(): ProgramSpec {
  const insns: Insn[] = [
    // r6 = &sent; r7 = *r6
    ...loadImmediate64(6, 0n),
    load(8, 7, 6, 0),
    moveImmediate(1, 1234),
    store(4, 10, -32, 1),
    moveImmediate(1, 1),
    store(4, 10, -28, 1),
    store(8, 10, -24, 7),
    ...loadImmediate64(1, Buffer.from("test\0\0\0\0").readBigUInt64LE()),
    store(8, 10, -16, 1),
    moveImmediate(1, 0),
    store(8, 10, -8, 1),
    ...loadImmediate64(1, 0n),
    move(2, 10),
    aluImmediate("ADD", 2, -32),
    moveImmediate(3, 32),
    moveImmediate(4, 0),
    call(BPF_FUNC.ringbuf_output),
    // r1 = &sent, or &dropped behind it
    move(1, 6),
    branchImmediate("JEQ", 0, 0, 1),
    aluImmediate("ADD", 1, 8),
    moveImmediate(2, 1),
    atomic("ADD", 8, 1, 0, 2),
    moveImmediate(0, 0),
    exit(),
  ];
  return program("send", insns, [
    { kind: "map", insn: 0, map: ".bss", offset: 0 },
    { kind: "map", insn: 13, map: "events" },
  ]);
}

/** Returns the length of the packet times the constant `factor`. */
function multiplier(): ProgramSpec {
  return program(
    "multiply",
    [
      ...loadImmediate64(2, 0n),
      load(4, 2, 2, 0),
      // __sk_buff.len
      load(4, 0, 1, 0),
      alu("MUL", 0, 2),
      exit(),
    ],
    [{ kind: "map", insn: 0, map: ".rodata", offset: 0 }],
  );
}

function member(name: string, type: number, byte: number): BtfMember {
  return { name, type, bitOffset: byte * 8, bitSize: 0 };
}
