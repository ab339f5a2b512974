import { BtfBuilder, BtfLinkage, type BtfMember } from "../../src/btf/index.ts";
import type { ObjectSpec } from "../../src/object/index.ts";
import { BPF_F, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";

/** What a C developer changed. */
export interface ProbeVersion {
  /** Name of the event's member `pid`. */
  readonly pid?: string;
  /** `pid` is u64. */
  readonly wide?: boolean;
  /** Name of the program. */
  readonly program?: string;
  /** Name of the enumerator `BUSY`. */
  readonly busy?: string;
  /** Names that are none in TypeScript. */
  readonly odd?: boolean;
}

/** An object whose types are all kinds that a skeleton has to write; it is compiled against, not loaded. */
export function probeObject({
  pid = "pid",
  wide,
  program = "send",
  busy = "BUSY",
  odd,
}: ProbeVersion): ObjectSpec {
  const b = new BtfBuilder();
  const int = b.signedInt("int", 4);
  const u32 = b.int("unsigned int", 4);
  const u64 = b.int("unsigned long long", 8);
  const char = b.signedInt("char", 1);
  const state = b.enum("state", 4, false, [
    { name: "IDLE", value: 0n },
    { name: busy, value: 7n },
  ]);
  const inner = b.struct("", 8, [member("low", u32, 0), member("high", u32, 4)]);
  const event = b.struct("event", 48, [
    member(pid, wide ? u64 : u32, 0),
    member("state", state, 8),
    member("pair", inner, 12),
    member("comm", b.array(char, int, 16), 20),
    member("list", b.array(u32, int, 3), 36),
  ]);
  // The names of a hostile object, or of a language that is not C.
  const place = b.struct(odd ? "x */ export {} //" : "place", 8, [
    member(odd ? "a b" : "row", u32, 0),
    member(odd ? "__proto__" : "column", u32, 4),
  ]);
  const bss = b.dataSection(".bss", 8, [
    { type: b.variable("busy", state, BtfLinkage.Global), offset: 0, size: 4 },
    { type: b.variable(odd ? "class" : "other", u32, BtfLinkage.Global), offset: 4, size: 4 },
  ]);
  const rodata = b.dataSection(".rodata", 4, [
    { type: b.variable("limit", u32, BtfLinkage.Global), offset: 0, size: 4 },
  ]);
  const data = { type: BPF_MAP_TYPE.ARRAY, keySize: 4, maxEntries: 1, flags: BPF_F.MMAPABLE };
  return {
    license: "GPL",
    btf: b.encode(),
    maps: [
      {
        name: "events",
        type: BPF_MAP_TYPE.RINGBUF,
        keySize: 0,
        valueSize: 0,
        maxEntries: 4096,
        flags: 0,
        btfValueTypeId: event,
      },
      {
        name: "counts",
        type: BPF_MAP_TYPE.HASH,
        keySize: 8,
        valueSize: 8,
        maxEntries: 8,
        flags: 0,
        btfKeyTypeId: place,
        btfValueTypeId: u64,
      },
      {
        name: "cpus",
        type: BPF_MAP_TYPE.PERCPU_ARRAY,
        keySize: 4,
        valueSize: 8,
        maxEntries: 1,
        flags: 0,
        btfKeyTypeId: u32,
        btfValueTypeId: u64,
      },
      {
        name: "queue",
        type: BPF_MAP_TYPE.QUEUE,
        keySize: 0,
        valueSize: 4,
        maxEntries: 1,
        flags: 0,
        btfValueTypeId: u32,
      },
      {
        name: "memory",
        type: BPF_MAP_TYPE.ARENA,
        keySize: 0,
        valueSize: 0,
        maxEntries: 1,
        flags: BPF_F.MMAPABLE,
      },
      { name: ".bss", ...data, valueSize: 8, btfValueTypeId: bss },
      { name: ".rodata", ...data, valueSize: 4, btfValueTypeId: rodata, frozen: true },
    ],
    programs: [
      {
        name: program,
        section: odd ? "socket */" : "socket",
        type: BPF_PROG_TYPE.SOCKET_FILTER,
        insns: [],
        relocations: [],
        functions: [],
        lines: [],
      },
    ],
  };
}

function member(name: string, type: number, byte: number): BtfMember {
  return { name, type, bitOffset: byte * 8, bitSize: 0 };
}
