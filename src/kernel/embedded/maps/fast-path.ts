import { BPF_EXIST, BPF_NOEXIST, BPF_RB, BPF_RINGBUF, ERRNO } from "../../../uapi/index.ts";
import { Code, WasmModule, instantiate } from "../../../wasm/index.ts";
import type { ValueType, WasmMemory } from "../../../wasm/index.ts";
import { SHADOW } from "../vm/index.ts";
import type { ShadowPlace } from "../vm/index.ts";
import { CELL, ELEMENT, FAST, HEADER, STATE } from "./layout.ts";

/** What the fast paths leave to JavaScript: all take and give addresses and error numbers (negative). */
export interface SlowPath {
  /** The value's address, or 0. */
  lookup(map: number, key: number): number;
  update(map: number, key: number, value: number, flags: bigint): number;
  remove(map: number, key: number): number;
  /** Makes a hash's list of free elements longer; 0 or an error. */
  refill(map: number): number;
  /** A ring buffer has something to read. */
  wake(map: number): void;
}

/**
 * Maps' hot operations as functions of one WebAssembly module: programs call them without leaving
 * WebAssembly, and JavaScript calls the same ones. Pointers to programs are i64, with their upper half.
 */
export interface FastPath {
  /** Helpers: of i64 results `pointer` is a program's pointer, 0 for none. */
  readonly lookup: (map: number, key: number) => bigint;
  readonly update: (map: number, key: number, value: number, flags: bigint) => number;
  readonly remove: (map: number, key: number) => number;
  readonly ringReserve: (map: number, size: bigint, flags: bigint) => bigint;
  readonly ringSubmit: (sample: number, flags: number) => number;
  readonly ringDiscard: (sample: number, flags: number) => number;
  readonly ringOutput: (map: number, data: number, size: bigint, flags: bigint) => number;
  readonly cpu: () => number;
  /** Of hashes: the element with a key, or 0; a new one with it, or 0 and an error in `refill`; its end. */
  readonly find: (map: number, key: number) => number;
  readonly insert: (map: number, key: number) => number;
  readonly erase: (map: number, key: number) => number;
}

const PAGE_SIZE = 4096;
/** Elements that one bucket's chain may have. */
const MOST_STEPS = 1 << 26;
/** Above it hashes of LRU maps begin. */
const FIRST_LRU = FAST.lruHash;

export function createFastPath(
  memory: WasmMemory,
  pointerHigh: number,
  cells: number,
  shadow: ShadowPlace | undefined,
  slow: SlowPath,
): FastPath {
  const exports = instantiate(writeModule(pointerHigh, cells, shadow), { m: { memory }, slow: { ...slow } });
  const member = (name: string): unknown => exports.get(name);
  // The module's own types say what each function takes and gives.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(NAMES.map((name) => [name, member(name)])) as unknown as FastPath;
}

const NAMES: readonly (keyof FastPath)[] = [
  "lookup",
  "update",
  "remove",
  "ringReserve",
  "ringSubmit",
  "ringDiscard",
  "ringOutput",
  "cpu",
  "find",
  "insert",
  "erase",
];

interface Imports {
  readonly lookup: number;
  readonly update: number;
  readonly remove: number;
  readonly refill: number;
  readonly wake: number;
}

interface Place {
  readonly module: WasmModule;
  readonly imports: Imports;
  readonly pointerHigh: number;
  readonly cells: number;
  /** What is said there of elements and records, for the checked mode. */
  readonly shadow: ShadowPlace | undefined;
}

function writeModule(
  pointerHigh: number,
  cells: number,
  shadow: ShadowPlace | undefined,
): Uint8Array<ArrayBuffer> {
  const module = new WasmModule();
  module.importMemory("m", "memory", 1);
  const imported = (name: string, params: readonly ValueType[], results: readonly ValueType[]): number =>
    module.importFunction("slow", name, module.type(params, results));
  const place: Place = {
    module,
    pointerHigh,
    cells,
    shadow,
    imports: {
      lookup: imported("lookup", ["i32", "i32"], ["i32"]),
      update: imported("update", ["i32", "i32", "i32", "i64"], ["i32"]),
      remove: imported("remove", ["i32", "i32"], ["i32"]),
      refill: imported("refill", ["i32"], ["i32"]),
      wake: imported("wake", ["i32"], []),
    },
  };
  const copy = define(place, ["i32", "i32", "i32"], [], [], writeCopy);
  const hash = define(place, ["i32", "i32"], ["i32"], ["i32"], writeHash);
  const equal = define(place, ["i32", "i32", "i32"], ["i32"], [], writeEqual);
  const find = define(place, ["i32", "i32"], ["i32"], ["i32", "i32", "i32"], (code) =>
    writeFind(code, hash, equal),
  );
  const insert = define(place, ["i32", "i32"], ["i32"], ["i32", "i32", "i32"], (code) =>
    writeInsert(code, place, hash, copy),
  );
  const erase = define(place, ["i32", "i32"], ["i32"], ["i32", "i32", "i32", "i32"], (code) =>
    writeErase(code, hash, equal),
  );
  const reserve = define(place, ["i32", "i64", "i64"], ["i32"], ["i64", "i64", "i32", "i32"], (code) =>
    writeReserve(code, place),
  );
  const commit = define(place, ["i32", "i32", "i32"], [], ["i32", "i32", "i32"], (code) =>
    writeCommit(code, place),
  );
  const exported: Readonly<Record<keyof FastPath, number>> = {
    find,
    insert,
    erase,
    cpu: define(place, [], ["i32"], [], (code) => code.i32(cells).memory("i32.load", CELL.cpu)),
    lookup: define(place, ["i32", "i32"], ["i64"], ["i32", "i32"], (code) => writeLookup(code, place, find)),
    update: define(place, ["i32", "i32", "i32", "i64"], ["i32"], ["i32", "i32", "i32"], (code) =>
      writeUpdate(code, place, { find, insert, copy }),
    ),
    remove: define(place, ["i32", "i32"], ["i32"], ["i32"], (code) => writeRemove(code, place, erase)),
    ringReserve: define(place, ["i32", "i64", "i64"], ["i64"], ["i32"], (code) => {
      code.get(2).i64(0).op("i64.ne").if().i64(0).op("return").op("end");
      code.get(0).get(1).get(2).call(reserve).tee(3).op("i32.eqz").if("i64").i64(0).op("else");
      if (shadow) fillShadow(code, shadow, 3, () => code.get(1).op("i32.wrap_i64"));
      pushPointer(code, place, () => code.get(3));
      code.op("end");
    }),
    ringSubmit: define(place, ["i32", "i32"], ["i32"], [], (code) =>
      code.get(0).get(1).i32(0).call(commit).i32(0),
    ),
    ringDiscard: define(place, ["i32", "i32"], ["i32"], [], (code) =>
      code.get(0).get(1).i32(BPF_RINGBUF.DISCARD_BIT).call(commit).i32(0),
    ),
    ringOutput: define(place, ["i32", "i32", "i64", "i64"], ["i32"], ["i32"], (code) => {
      code
        .get(3)
        .i64(~(BPF_RB.NO_WAKEUP | BPF_RB.FORCE_WAKEUP))
        .op("i64.and")
        .i64(0)
        .op("i64.ne")
        .if();
      code.i32(-ERRNO.EINVAL).op("return").op("end");
      code.get(0).get(2).i64(0).call(reserve).tee(4).op("i32.eqz").if();
      code.i32(-ERRNO.EAGAIN).op("return").op("end");
      code.get(4).get(1).get(2).op("i32.wrap_i64").call(copy);
      code.get(4).get(3).op("i32.wrap_i64").i32(0).call(commit).i32(0);
    }),
  };
  for (const name of NAMES) module.exportFunction(name, exported[name]);
  return module.finish();
}

function define(
  { module }: Place,
  params: readonly ValueType[],
  results: readonly ValueType[],
  locals: readonly ValueType[],
  write: (code: Code) => unknown,
): number {
  const code = new Code();
  write(code);
  return module.function(module.type(params, results), locals, code);
}

/** A program's pointer to the address that `address` pushes. */
function pushPointer(code: Code, { pointerHigh }: Place, address: () => unknown): void {
  address();
  code.op("i64.extend_i32_u").i64(0, pointerHigh).op("i64.or");
}

/** (to, from, size): eight bytes at a time, or by the engine where there are many. */
function writeCopy(code: Code): void {
  code.get(2).i32(128).op("i32.ge_u").if();
  code.get(0).get(1).get(2).bulk("memory.copy").op("return").op("end");
  code.block().loop();
  code.get(2).i32(8).op("i32.lt_u").brIf(1);
  code.get(0).get(1).memory("i64.load").memory("i64.store");
  advance(code, 8);
  code.br(0).op("end").op("end");
  code.block().loop();
  code.get(2).op("i32.eqz").brIf(1);
  code.get(0).get(1).memory("i32.load8_u").memory("i32.store8");
  advance(code, 1);
  code.br(0).op("end").op("end");
}

function advance(code: Code, bytes: number): void {
  for (const local of [0, 1]) code.get(local).i32(bytes).op("i32.add").set(local);
  code.get(2).i32(bytes).op("i32.sub").set(2);
}

/** (key, size) -> hash: four bytes at a time, after murmur3. */
function writeHash(code: Code): void {
  const mix = (): void => {
    code.i32(0xcc9e2d51).op("i32.mul").i32(15).op("i32.rotl").i32(0x1b873593).op("i32.mul");
    code
      .get(2)
      .op("i32.xor")
      .i32(13)
      .op("i32.rotl")
      .i32(5)
      .op("i32.mul")
      .i32(0xe6546b64)
      .op("i32.add")
      .set(2);
  };
  code.get(1).set(2);
  code.block().loop();
  code.get(1).i32(4).op("i32.lt_u").brIf(1);
  code.get(0).memory("i32.load");
  mix();
  code.get(0).i32(4).op("i32.add").set(0).get(1).i32(4).op("i32.sub").set(1);
  code.br(0).op("end").op("end");
  code.block().loop();
  code.get(1).op("i32.eqz").brIf(1);
  code.get(0).memory("i32.load8_u");
  mix();
  code.get(0).i32(1).op("i32.add").set(0).get(1).i32(1).op("i32.sub").set(1);
  code.br(0).op("end").op("end");
  code.get(2).get(2).i32(16).op("i32.shr_u").op("i32.xor").i32(0x85ebca6b).op("i32.mul").tee(2);
  code.get(2).i32(13).op("i32.shr_u").op("i32.xor");
}

/** (left, right, size) -> whether the bytes are equal. */
function writeEqual(code: Code): void {
  code.block().loop();
  code.get(2).i32(8).op("i32.lt_u").brIf(1);
  code.get(0).memory("i64.load").get(1).memory("i64.load").op("i64.ne").if().i32(0).op("return").op("end");
  advance(code, 8);
  code.br(0).op("end").op("end");
  code.block().loop();
  code.get(2).op("i32.eqz").brIf(1);
  code.get(0).memory("i32.load8_u").get(1).memory("i32.load8_u").op("i32.ne").if();
  code.i32(0).op("return").op("end");
  advance(code, 1);
  code.br(0).op("end").op("end").i32(1);
}

/** Pushes the address of the bucket that a hash in `hashLocal` belongs to. */
function pushBucket(code: Code, hashLocal: number): void {
  code.get(0).memory("i32.load", HEADER.data);
  code.get(hashLocal).get(0).memory("i32.load", HEADER.mask).op("i32.and").i32(2).op("i32.shl").op("i32.add");
}

/** Pushes whether the element has the hash and the key. */
function pushMatches(code: Code, element: number, hashLocal: number, equal: number): void {
  code.get(element).memory("i32.load", ELEMENT.hash).get(hashLocal).op("i32.eq").if("i32");
  code
    .get(element)
    .i32(ELEMENT.key)
    .op("i32.add")
    .get(1)
    .get(0)
    .memory("i32.load", HEADER.keySize)
    .call(equal);
  code.op("else").i32(0).op("end");
}

/**
 * Leaves the enclosing block after too many steps: no chain is that long, but one that a wild program wrote may
 * be a ring.
 */
function boundSteps(code: Code, local: number): void {
  code.get(local).i32(1).op("i32.add").tee(local).i32(MOST_STEPS).op("i32.gt_u").brIf(1);
}

/** (map, key) -> element or 0. Locals: hash, element, steps. */
function writeFind(code: Code, hash: number, equal: number): void {
  code.get(1).get(0).memory("i32.load", HEADER.keySize).call(hash).set(2);
  pushBucket(code, 2);
  code.memory("i32.load").set(3);
  code.block().loop();
  code.get(3).op("i32.eqz").brIf(1);
  boundSteps(code, 4);
  pushMatches(code, 3, 2, equal);
  code.if().get(3).op("return").op("end");
  code.get(3).memory("i32.load", ELEMENT.next).set(3);
  code.br(0).op("end").op("end").i32(0);
}

/** (map, key) -> a new element, whose key is not in the map yet, or an error. Locals: hash, element, bucket. */
function writeInsert(code: Code, { imports }: Place, hash: number, copy: number): void {
  code.get(0).memory("i32.load", HEADER.free).tee(3).op("i32.eqz").if();
  code.get(0).call(imports.refill).tee(3).if().get(3).op("return").op("end");
  code.get(0).memory("i32.load", HEADER.free).set(3).op("end");
  code.get(0).get(3).memory("i32.load", ELEMENT.next).memory("i32.store", HEADER.free);
  code.get(0).get(0).memory("i32.load", HEADER.count).i32(1).op("i32.add").memory("i32.store", HEADER.count);
  code.get(1).get(0).memory("i32.load", HEADER.keySize).call(hash).set(2);
  code.get(3).get(2).memory("i32.store", ELEMENT.hash);
  code.get(3).i32(STATE.used).memory("i32.store", ELEMENT.state);
  code.get(3).i32(ELEMENT.key).op("i32.add").get(1).get(0).memory("i32.load", HEADER.keySize).call(copy);
  pushBucket(code, 2);
  code.set(4);
  code.get(3).get(4).memory("i32.load").memory("i32.store", ELEMENT.next);
  code.get(4).get(3).memory("i32.store");
  code.get(3);
}

/** (map, key) -> 0, or ENOENT. Locals: hash, link (the address that points to the element), element, steps. */
function writeErase(code: Code, hash: number, equal: number): void {
  code.get(1).get(0).memory("i32.load", HEADER.keySize).call(hash).set(2);
  pushBucket(code, 2);
  code.set(3);
  code.block().loop();
  code.get(3).memory("i32.load").tee(4).op("i32.eqz").brIf(1);
  boundSteps(code, 5);
  pushMatches(code, 4, 2, equal);
  code.if();
  code.get(3).get(4).memory("i32.load", ELEMENT.next).memory("i32.store");
  code.get(4).get(0).memory("i32.load", HEADER.free).memory("i32.store", ELEMENT.next);
  code.get(4).i32(0).memory("i32.store", ELEMENT.state);
  code.get(0).get(4).memory("i32.store", HEADER.free);
  code.get(0).get(0).memory("i32.load", HEADER.count).i32(1).op("i32.sub").memory("i32.store", HEADER.count);
  code.i32(0).op("return").op("end");
  // next is an element's first field, so an element's address is that of its link.
  code.get(4).set(3);
  code.br(0).op("end").op("end").i32(-ERRNO.ENOENT);
}

/** Adds the running CPU's part to the address on the stack. */
function addCpu(code: Code, { cells }: Place): void {
  code.i32(cells).memory("i32.load", CELL.cpu).get(0).memory("i32.load", HEADER.cpuStride);
  code.op("i32.mul").op("i32.add");
}

/** (map, key) -> pointer or 0. Locals: kind, index or element. */
function writeLookup(code: Code, place: Place, find: number): void {
  code.get(0).memory("i32.load", HEADER.lookup).tee(2).i32(FAST.hash).op("i32.ge_u").if();
  code.get(0).get(1).call(find).tee(3).op("i32.eqz").if().i64(0).op("return").op("end");
  code.get(2).i32(FIRST_LRU).op("i32.ge_u").if();
  code
    .get(3)
    .i32(STATE.used | STATE.referenced)
    .memory("i32.store", ELEMENT.state)
    .op("end");
  pushPointer(code, place, () => {
    code.get(3).get(0).memory("i32.load", HEADER.valueOffset).op("i32.add");
    code.get(2).i32(1).op("i32.and").if("i32").i32(0).op("else").i32(0);
    addCpu(code, place);
    code.op("end").op("i32.add");
  });
  code.op("return").op("end");
  code.get(2).op("i32.eqz").if();
  code.get(0).get(1).call(place.imports.lookup).tee(3).op("i32.eqz").if().i64(0).op("return").op("end");
  pushPointer(code, place, () => code.get(3));
  code.op("return").op("end");
  code.get(1).memory("i32.load").tee(3).get(0).memory("i32.load", HEADER.maxEntries).op("i32.ge_u").if();
  code.i64(0).op("return").op("end");
  code.get(0).memory("i32.load", HEADER.data);
  code.get(3).get(0).memory("i32.load", HEADER.stride).op("i32.mul").op("i32.add");
  code.get(2).i32(FAST.perCpuArray).op("i32.eq").if("i32").i32(0);
  addCpu(code, place);
  code.op("else").i32(0).op("end").op("i32.add").set(3);
  if (place.shadow) {
    // The first look at a large array's element.
    code.get(3).memory("i32.load8_u", place.shadow.base).op("i32.eqz").if();
    fillShadow(code, place.shadow, 3, () => code.get(0).memory("i32.load", HEADER.valueSize));
    code.op("end");
  }
  pushPointer(code, place, () => code.get(3));
}

/** Bytes from the address in a local on are live. */
function fillShadow(code: Code, { base }: ShadowPlace, local: number, size: () => unknown): void {
  code.get(local).i32(base).op("i32.add").i32(SHADOW.live);
  size();
  code.bulk("memory.fill");
}

/** (map, key, value, flags) -> 0 or an error. Locals: kind, index or element, low flags. */
function writeUpdate(
  code: Code,
  place: Place,
  { find, insert, copy }: { find: number; insert: number; copy: number },
): void {
  const fail = (errno: number): void => void code.if().i32(-errno).op("return").op("end");
  code.get(0).memory("i32.load", HEADER.change).tee(4).op("i32.eqz").if();
  code.get(0).get(1).get(2).get(3).call(place.imports.update).op("return").op("end");
  code.get(3).i64(BPF_EXIST).op("i64.gt_u");
  fail(ERRNO.EINVAL);
  code.get(3).op("i32.wrap_i64").set(6);
  code.get(4).i32(FAST.hash).op("i32.lt_u").if();
  {
    code.get(1).memory("i32.load").tee(5).get(0).memory("i32.load", HEADER.maxEntries).op("i32.ge_u");
    fail(ERRNO.E2BIG);
    code.get(6).i32(BPF_NOEXIST).op("i32.eq");
    fail(ERRNO.EEXIST);
    code.get(0).memory("i32.load", HEADER.data);
    code.get(5).get(0).memory("i32.load", HEADER.stride).op("i32.mul").op("i32.add");
    code.get(4).i32(FAST.perCpuArray).op("i32.eq").if("i32").i32(0);
    addCpu(code, place);
    code.op("else").i32(0).op("end").op("i32.add");
    code.get(2).get(0).memory("i32.load", HEADER.valueSize).call(copy).i32(0).op("return").op("end");
  }
  code.get(0).get(1).call(find).tee(5).op("i32.eqz").if();
  {
    code.get(6).i32(BPF_EXIST).op("i32.eq");
    fail(ERRNO.ENOENT);
    // Errors are the negative numbers: memory ends below 2 GiB.
    code.get(0).get(1).call(insert).tee(5).i32(0).op("i32.lt_s").if().get(5).op("return").op("end");
    // Other CPUs' values of a new element are zero.
    code.get(4).i32(1).op("i32.and").op("i32.eqz").if();
    code.get(5).get(0).memory("i32.load", HEADER.valueOffset).op("i32.add").i32(0);
    code.get(0).memory("i32.load", HEADER.stride).bulk("memory.fill").op("end");
  }
  code.op("else").get(6).i32(BPF_NOEXIST).op("i32.eq");
  fail(ERRNO.EEXIST);
  code.op("end");
  code.get(5).get(0).memory("i32.load", HEADER.valueOffset).op("i32.add");
  code.get(4).i32(1).op("i32.and").if("i32").i32(0).op("else").i32(0);
  addCpu(code, place);
  code.op("end").op("i32.add");
  code.get(2).get(0).memory("i32.load", HEADER.valueSize).call(copy).i32(0);
}

function writeRemove(code: Code, { imports }: Place, erase: number): void {
  code.get(0).memory("i32.load", HEADER.change).tee(2).i32(FAST.hash).op("i32.ge_u").if();
  code.get(0).get(1).call(erase).op("return").op("end");
  code.get(2).if().i32(-ERRNO.EINVAL).op("return").op("end");
  code.get(0).get(1).call(imports.remove);
}

const PAGE_SHIFT = 12;
/** Pages of a ring before its data: its own, the consumer's, the producer's. */
const RING_PAGES = 3;

/**
 * (map, size, flags) -> the sample's address, or 0 where there is no room (kernel/bpf/ringbuf.c). Locals: length
 * with header, new position, header, ring's start. As in the kernel, the header's second u32 says how many pages
 * before it the ring begins; there the commit finds the map.
 */
function writeReserve(code: Code, { shadow, cells }: Place): void {
  const [length, position, header, ring] = [3, 4, 5, 6] as const;
  code.get(0).memory("i32.load", HEADER.data).set(ring);
  code.get(1).i64(0x3fffffff).op("i64.gt_u").if().i32(0).op("return").op("end");
  code
    .get(1)
    .i64(BPF_RINGBUF.HDR_SZ + 7)
    .op("i64.add")
    .i64(-8)
    .op("i64.and")
    .tee(length);
  code.get(0).memory("i32.load", HEADER.mask).op("i64.extend_i32_u").op("i64.gt_u");
  code.if().i32(0).op("return").op("end");
  code.get(ring).memory("i64.load", PAGE_SIZE).get(length).op("i64.add").tee(position);
  code.get(ring).memory("i64.load").op("i64.sub");
  code.get(0).memory("i32.load", HEADER.mask).op("i64.extend_i32_u").op("i64.gt_u");
  code.if().i32(0).op("return").op("end");
  code.get(ring).memory("i64.load", PAGE_SIZE).op("i32.wrap_i64");
  code.get(0).memory("i32.load", HEADER.mask).op("i32.and").get(ring).op("i32.add").tee(header);
  code
    .get(1)
    .op("i32.wrap_i64")
    .i32(BPF_RINGBUF.BUSY_BIT)
    .op("i32.or")
    .memory("i32.store", 2 * PAGE_SIZE);
  code.get(header).get(header).get(ring).op("i32.sub").i32(PAGE_SHIFT).op("i32.shr_u");
  code
    .i32(RING_PAGES)
    .op("i32.add")
    .memory("i32.store", 2 * PAGE_SIZE + 4);
  // Older records' data may have lain where the header is now.
  if (shadow)
    code
      .get(header)
      .i64(SHADOW.record)
      .memory("i64.store", shadow.base + 2 * PAGE_SIZE);
  countReserved(code, cells, 1);
  code.get(ring).get(position).memory("i64.store", PAGE_SIZE);
  code
    .get(header)
    .i32(2 * PAGE_SIZE + BPF_RINGBUF.HDR_SZ)
    .op("i32.add");
}

function countReserved(code: Code, cells: number, by: number): void {
  code.i32(cells).i32(cells).memory("i32.load", CELL.reserved).i32(by).op("i32.add");
  code.memory("i32.store", CELL.reserved);
}

/** (sample, flags, extra bits): the record may be read; a reader that waits for it is woken. Locals: header, map, ring. */
function writeCommit(code: Code, { imports, shadow, cells }: Place): void {
  const [header, map, ring] = [3, 4, 5] as const;
  countReserved(code, cells, -1);
  code.get(0).i32(BPF_RINGBUF.HDR_SZ).op("i32.sub").tee(header).i32(-PAGE_SIZE).op("i32.and");
  code.get(header).memory("i32.load", 4).i32(PAGE_SHIFT).op("i32.shl").op("i32.sub");
  code.memory("i32.load").set(map);
  if (shadow) code.get(header).i64(SHADOW.nothing).memory("i64.store", shadow.base);
  code.get(header);
  code.get(header).memory("i32.load").i32(BPF_RINGBUF.BUSY_BIT).op("i32.xor").get(2).op("i32.or");
  code.memory("i32.store");
  code.get(1).i32(BPF_RB.NO_WAKEUP).op("i32.and").if().op("return").op("end");
  code.get(map).memory("i32.load", HEADER.data).set(ring);
  code.get(1).i32(BPF_RB.FORCE_WAKEUP).op("i32.and");
  code.get(ring).memory("i32.load").get(map).memory("i32.load", HEADER.mask).op("i32.and");
  code
    .get(header)
    .get(ring)
    .i32(2 * PAGE_SIZE)
    .op("i32.add")
    .op("i32.sub")
    .op("i32.eq")
    .op("i32.or");
  code.if().get(map).call(imports.wake).op("end");
}
