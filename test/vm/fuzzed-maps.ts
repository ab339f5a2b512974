import { BtfBuilder } from "../../src/btf/index.ts";
import type { BtfMember } from "../../src/btf/index.ts";
import type { BpfAttr, Fd, Kernel } from "../../src/kernel/index.ts";
import { RingBuffer } from "../../src/transport/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../../src/uapi/index.ts";
import { SCALARS, SLOTS } from "./random-program.ts";

/** A map that programs use, the same in every kernel. */
export interface FuzzedMap {
  readonly attr: BpfAttr["MAP_CREATE"];
  /** What keys programs put on the stack. */
  readonly keys: "index" | "number" | "prefix" | "none";
  /** How programs use it, and how its contents are read. */
  readonly use: "table" | "queue" | "ring" | "state" | "text" | "programs" | "events" | "maps";
  readonly perCpu?: boolean;
  /** Elements come in an order that is a kernel's own. */
  readonly unordered?: boolean;
  /** What the value begins with. */
  readonly special?: "lock" | "timer";
  /** Of maps in maps: which of {@link FUZZED_MAPS} are in it, by key. */
  readonly inner?: readonly number[];
}

/** Registers and stack slots before and after a run. */
export const STATE_SIZE: number = (SCALARS + SLOTS) * 8;

/** Bytes that programs write into records of rings. */
const WRITTEN = 24;

/** Texts that programs format and compare, each with its NUL. */
export const TEXTS: readonly string[] = [
  "%d %u",
  "%llx:%s",
  "%5d|%i",
  "0x%x",
  "%lu %s",
  "a text",
  "a text, longer",
  "",
];
export const TEXT_SIZE = 16;

const TYPE = BPF_MAP_TYPE;

function define(
  map_type: number,
  use: FuzzedMap["use"],
  keys: FuzzedMap["keys"],
  rest: Partial<BpfAttr["MAP_CREATE"]> = {},
  more: Partial<FuzzedMap> = {},
): FuzzedMap {
  const attr = { map_type, key_size: keys === "none" ? 0 : 4, value_size: 16, max_entries: 4, ...rest };
  return { keys, use, attr, ...more };
}

/** The position of the one map of a use. */
export const mapOf = (use: FuzzedMap["use"]): number => FUZZED_MAPS.findIndex((map) => map.use === use);

export const FUZZED_MAPS: readonly FuzzedMap[] = [
  define(TYPE.ARRAY, "table", "index"),
  define(TYPE.ARRAY, "table", "index", { value_size: 12, max_entries: 3 }),
  define(TYPE.HASH, "table", "number", { key_size: 8 }, { unordered: true }),
  define(
    TYPE.HASH,
    "table",
    "number",
    { key_size: 3, max_entries: 6, map_flags: BPF_F.NO_PREALLOC },
    { unordered: true },
  ),
  define(TYPE.LRU_HASH, "table", "number", { max_entries: 512 }, { unordered: true }),
  define(TYPE.PERCPU_ARRAY, "table", "index", {}, { perCpu: true }),
  define(TYPE.PERCPU_HASH, "table", "number", {}, { perCpu: true, unordered: true }),
  define(TYPE.LPM_TRIE, "table", "prefix", { key_size: 8, map_flags: BPF_F.NO_PREALLOC }),
  define(TYPE.QUEUE, "queue", "none"),
  define(TYPE.STACK, "queue", "none"),
  define(TYPE.ARRAY, "table", "index", { value_size: 24, max_entries: 3 }, { special: "lock" }),
  define(TYPE.HASH, "table", "number", { value_size: 24 }, { special: "lock", unordered: true }),
  define(TYPE.ARRAY, "table", "index", { value_size: 24, max_entries: 2 }, { special: "timer" }),
  define(TYPE.ARRAY_OF_MAPS, "maps", "index", { value_size: 4, max_entries: 3 }, { inner: [0, 0, 0] }),
  define(TYPE.HASH_OF_MAPS, "maps", "number", { value_size: 4, max_entries: 3 }, { inner: [2, 2] }),
  define(TYPE.RINGBUF, "ring", "none", { value_size: 0, max_entries: 4096 }),
  define(TYPE.ARRAY, "state", "index", { value_size: STATE_SIZE, max_entries: 1 }),
  define(TYPE.ARRAY, "text", "index", {
    value_size: TEXTS.length * TEXT_SIZE,
    max_entries: 1,
    map_flags: BPF_F.RDONLY_PROG,
  }),
  define(TYPE.PROG_ARRAY, "programs", "index", { value_size: 4 }),
  define(TYPE.PERF_EVENT_ARRAY, "events", "index", { value_size: 4 }),
];

function member(name: string, type: number, offset: number): BtfMember {
  return { name, type, bitOffset: offset * 8, bitSize: 0 };
}

/** Types of values with locks and timers, and of keys: ids in the BTF that maps are created with. */
function valueTypes(): { bytes: Uint8Array; key: number; lock: number; timer: number } {
  const btf = new BtfBuilder();
  const u32 = btf.int("u32", 4);
  const u64 = btf.int("u64", 8);
  const spinLock = btf.struct("bpf_spin_lock", 4, [member("val", u32, 0)]);
  const opaque = btf.array(u64, u32, 2);
  const bpfTimer = btf.struct("bpf_timer", 16, [member("__opaque", opaque, 0)]);
  const lock = btf.struct("locked", 24, [
    member("lock", spinLock, 0),
    member("rest", u32, 4),
    member("a", u64, 8),
    member("b", u64, 16),
  ]);
  const timer = btf.struct("timed", 24, [member("timer", bpfTimer, 0), member("a", u64, 16)]);
  return { bytes: btf.encode(), key: u32, lock, timer };
}

/** The maps in one kernel, and what is in them. */
export class MapsInKernel implements Disposable {
  readonly fds: readonly Fd[];
  readonly #kernel: Kernel;
  readonly #cpus: number;
  readonly #types: Fd;
  readonly #ring: RingBuffer;
  readonly #inner = new Map<number, readonly Fd[]>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#cpus = kernel.files.possibleCpus().length;
    const types = valueTypes();
    this.#types = kernel.bpf("BTF_LOAD", { btf: types.bytes });
    this.fds = FUZZED_MAPS.map((map, index) => this.#create(map, index, types));
    const text = this.fds[mapOf("text")]!;
    const value = Buffer.alloc(TEXTS.length * TEXT_SIZE);
    TEXTS.forEach((line, index) => value.write(line, index * TEXT_SIZE));
    kernel.bpf("MAP_UPDATE_ELEM", { map_fd: text, key: new Uint8Array(4), value });
    kernel.bpf("MAP_FREEZE", { map_fd: text });
    this.#ring = new RingBuffer(kernel, this.fds[mapOf("ring")]!, 4096);
  }

  setState(value: Uint8Array): void {
    this.#kernel.bpf("MAP_UPDATE_ELEM", { map_fd: this.fds[mapOf("state")]!, key: new Uint8Array(4), value });
  }

  state(): Uint8Array {
    const value = new Uint8Array(STATE_SIZE);
    this.#kernel.bpf("MAP_LOOKUP_ELEM", {
      map_fd: this.fds[mapOf("state")]!,
      key: new Uint8Array(4),
      value,
    });
    return value;
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    for (const fd of [...this.fds, ...[...this.#inner.values()].flat(), this.#types]) this.#kernel.close(fd);
  }

  setProgram(index: number, program: Fd): void {
    const [key, value] = [index, program].map((number) => new Uint8Array(Int32Array.of(number).buffer));
    this.#kernel.bpf("MAP_UPDATE_ELEM", { map_fd: this.fds[mapOf("programs")]!, key: key!, value: value! });
  }

  /** Contents of these maps in words, and then they are empty. */
  take(indices: Iterable<number>): string[] {
    return [...indices].flatMap((index) => this.#take(index));
  }

  #create(map: FuzzedMap, index: number, types: ReturnType<typeof valueTypes>): Fd {
    const kernel = this.#kernel;
    const typed = map.special && {
      btf_fd: this.#types,
      btf_key_type_id: types.key,
      btf_value_type_id: types[map.special],
    };
    if (!map.inner) return kernel.bpf("MAP_CREATE", { ...map.attr, ...typed });
    const inner = map.inner.map((other) => kernel.bpf("MAP_CREATE", FUZZED_MAPS[other]!.attr));
    this.#inner.set(index, inner);
    const map_fd = kernel.bpf("MAP_CREATE", { ...map.attr, inner_map_fd: inner[0]! });
    inner.forEach((fd, position) =>
      kernel.bpf("MAP_UPDATE_ELEM", {
        map_fd,
        key: new Uint8Array(Uint32Array.of(position).buffer),
        value: new Uint8Array(Int32Array.of(fd).buffer),
      }),
    );
    return map_fd;
  }

  #take(index: number): string[] {
    const map = FUZZED_MAPS[index]!;
    switch (map.use) {
      case "table":
        return this.#entries(this.fds[index]!, map, `map ${index}`);
      case "queue":
        return this.#drain(this.fds[index]!, map.attr.value_size, `map ${index}`);
      case "ring":
        return this.#records(`map ${index}`);
      case "maps":
        return this.#inner
          .get(index)!
          .flatMap((fd, position) =>
            this.#entries(fd, FUZZED_MAPS[map.inner![position]!]!, `map ${index}, ${position}`),
          );
      default:
        return [];
    }
  }

  #records(name: string): string[] {
    const lines: string[] = [];
    this.#ring.drain(({ bytes }, start, size) => {
      lines.push(
        `${name}: ${size} ${Buffer.from(bytes.subarray(start, start + Math.min(size, WRITTEN))).toString("hex")}`,
      );
    }, Infinity);
    return lines;
  }

  #drain(map_fd: Fd, size: number, name: string): string[] {
    const lines: string[] = [];
    for (;;) {
      const value = new Uint8Array(size);
      if (!this.#kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd, value })) return lines;
      lines.push(`${name}: ${size} ${Buffer.from(value).toString("hex")}`);
    }
  }

  #entries(map_fd: Fd, { attr, keys, perCpu = false }: FuzzedMap, name: string): string[] {
    const stride = perCpu ? Math.ceil(attr.value_size / 8) * 8 : attr.value_size;
    const found: Uint8Array[] = [];
    for (let key: Uint8Array | undefined; found.length < 600; key = found.at(-1)) {
      const next_key = new Uint8Array(attr.key_size);
      if (!this.#kernel.bpf("MAP_GET_NEXT_KEY", { map_fd, key, next_key })) break;
      found.push(next_key);
    }
    return found
      .map((key) => {
        const value = new Uint8Array(perCpu ? stride * this.#cpus : stride);
        this.#kernel.bpf("MAP_LOOKUP_ELEM", { map_fd, key, value });
        // One CPU ran the program, whichever it was: the others' values are zero.
        const sum = new Uint8Array(stride);
        value.forEach((byte, at) => (sum[at % stride]! |= byte));
        if (keys === "index") this.#kernel.bpf("MAP_UPDATE_ELEM", { map_fd, key, value: value.fill(0) });
        else this.#kernel.bpf("MAP_DELETE_ELEM", { map_fd, key });
        return `${name}: ${Buffer.from(key).toString("hex")} ${Buffer.from(sum).toString("hex")}`;
      })
      .sort();
  }
}
