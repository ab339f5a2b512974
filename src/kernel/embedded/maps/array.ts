import { BPF_EXIST, BPF_F, BPF_NOEXIST, ERRNO } from "../../../uapi/index.ts";
import { roundUp } from "../heap.ts";
import type { Memory } from "../memory.ts";
import type { InlineArray } from "../vm/index.ts";
import { FAST, HEADER_SIZE } from "./layout.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost, MapRegion } from "./map.ts";

const PAGE_SIZE = 4096;

/** kernel/bpf/arraymap.c: elements in a row, per-CPU ones with a value for each CPU. */
export class ArrayMap extends BpfMap {
  readonly #data: number;
  readonly #stride: number;
  readonly #size: number;
  readonly #shared: SharedElements;
  readonly #next: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    const { maxEntries, valueSize, flags, fields } = definition;
    const mappable = (flags & BPF_F.MMAPABLE) !== 0;
    this.#stride = roundUp(valueSize, 8);
    this.#size = this.#stride * maxEntries;
    if (mappable) this.#size = roundUp(this.#size, PAGE_SIZE);
    this.#data = this.memory.allocate(this.#size, mappable ? PAGE_SIZE : undefined);
    this.#shared = new SharedElements(this.memory, this.#data, this.#size, this.sharedAs);
    this.#next = this.memory.allocate(4);
    this.memory.shadow?.mark(this.#next, 4, "readonly");
    this.header("data", this.#data);
    this.header("stride", this.#stride);
    this.header("lookup", FAST.array);
    this.header("change", fields.list.length === 0 ? FAST.array : FAST.none);
  }

  override lookup(key: number): number {
    const index = this.memory.u32(key);
    return index < this.definition.maxEntries ? this.#share(this.#data + index * this.#stride) : 0;
  }

  override update(key: number, value: number, flags: number): number {
    const { maxEntries, valueSize, fields } = this.definition;
    if ((flags & ~BPF_F.LOCK) > BPF_EXIST || flags > 7) return -ERRNO.EINVAL;
    const index = this.memory.u32(key);
    if (index >= maxEntries) return -ERRNO.E2BIG;
    if ((flags & BPF_NOEXIST) !== 0) return -ERRNO.EEXIST;
    if ((flags & BPF_F.LOCK) !== 0 && !fields.has("bpf_spin_lock")) return -ERRNO.EINVAL;
    fields.replace(
      this.memory.slice(this.#data + index * this.#stride, valueSize),
      this.memory.slice(value, valueSize),
    );
    return 0;
  }

  override remove(): number {
    return -ERRNO.EINVAL;
  }

  override next(key: number | undefined): number {
    return nextIndex(this, this.#next, this.memory, key);
  }

  override region(): MapRegion | undefined {
    const mappable = (this.definition.flags & BPF_F.MMAPABLE) !== 0;
    return mappable ? { address: this.#data, size: this.#size, writable: [0, this.#size] } : undefined;
  }

  override inlineArray(): InlineArray | undefined {
    const { maxEntries } = this.definition;
    return this.#shared.all ? { data: this.#data, stride: this.#stride, maxEntries } : undefined;
  }

  override keyOfValue(value: number): number {
    this.memory.setU32(this.#next, Math.floor((value - this.#data) / this.#stride));
    return this.#next;
  }

  /** Where direct access to the value begins (BPF_PSEUDO_MAP_VALUE). */
  valueAddress(): number {
    return this.#share(this.#data);
  }

  override forEach(visit: (key: number, value: number) => boolean): number {
    return eachIndex(this, this.#next, this.memory, (index) =>
      visit(this.#next, this.#share(this.#data + index * this.#stride)),
    );
  }

  #share(value: number): number {
    return this.#shared.share(value, this.definition.valueSize);
  }

  override get givesValues(): boolean {
    return true;
  }

  protected override memoryUsed(): number {
    return HEADER_SIZE + this.#size;
  }

  protected override dispose(): void {
    this.memory.free(this.#data);
    this.memory.free(this.#next);
  }
}

/** One row of elements, with a value for each CPU in each element. */
export class PerCpuArrayMap extends BpfMap {
  readonly #data: number;
  readonly #valueStride: number;
  readonly #stride: number;
  readonly #shared: SharedElements;
  readonly #next: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#valueStride = roundUp(definition.valueSize, 8);
    this.#stride = this.#valueStride * host.cpus;
    this.#data = this.memory.allocate(this.#stride * definition.maxEntries);
    const size = this.#stride * definition.maxEntries;
    this.#shared = new SharedElements(this.memory, this.#data, size, this.sharedAs);
    this.#next = this.memory.allocate(4);
    this.memory.shadow?.mark(this.#next, 4, "readonly");
    this.header("data", this.#data);
    this.header("stride", this.#stride);
    this.header("cpuStride", this.#valueStride);
    this.header("lookup", FAST.perCpuArray);
    this.header("change", FAST.perCpuArray);
  }

  override get userValueSize(): number {
    return this.#stride;
  }

  override inlineArray(): InlineArray | undefined {
    const { maxEntries } = this.definition;
    if (!this.#shared.all) return undefined;
    const perCpu = { cell: this.host.cpuCell, stride: this.#valueStride };
    return { data: this.#data, stride: this.#stride, maxEntries, perCpu };
  }

  override lookup(key: number): number {
    return this.lookupOn(key, this.host.cpu());
  }

  override lookupOn(key: number, cpu: number): number {
    const index = this.memory.u32(key);
    if (index >= this.definition.maxEntries || cpu >= this.host.cpus) return 0;
    const value = this.#data + index * this.#stride + cpu * this.#valueStride;
    return this.#shared.share(value, this.definition.valueSize);
  }

  override get givesValues(): boolean {
    return true;
  }

  override update(key: number, value: number, flags: number): number {
    return this.host.fast.update(this.address, key, value, BigInt(flags));
  }

  override read(key: number, out: Uint8Array): number {
    const value = this.lookupOn(key, 0);
    if (value === 0) return -ERRNO.ENOENT;
    out.set(this.memory.slice(value, this.#stride));
    return 0;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    const to = this.lookupOn(key, 0);
    if (to === 0) return -ERRNO.E2BIG;
    if (flags === BPF_NOEXIST) return -ERRNO.EEXIST;
    this.memory.bytes.set(value, to);
    return 0;
  }

  override remove(): number {
    return -ERRNO.EINVAL;
  }

  override next(key: number | undefined): number {
    return nextIndex(this, this.#next, this.memory, key);
  }

  override forEach(visit: (key: number, value: number) => boolean): number {
    return eachIndex(this, this.#next, this.memory, () => visit(this.#next, this.lookup(this.#next)));
  }

  protected override memoryUsed(): number {
    return HEADER_SIZE + this.#stride * this.definition.maxEntries;
  }

  protected override dispose(): void {
    this.memory.free(this.#data);
    this.memory.free(this.#next);
  }
}

/** Bytes of arrays whose elements are all shared with programs from the start. */
const SHARED_AT_ONCE = 1 << 20;

/**
 * To the checked mode an array's elements are there for programs: all of a small array, and of a large one those that
 * were looked up, since the others' memory and its shadow cost nothing. The fast path's lookups do the same.
 */
class SharedElements {
  readonly all: boolean;
  readonly #memory: Memory;
  readonly #as: "live" | "readonly";

  constructor(memory: Memory, data: number, size: number, as: "live" | "readonly") {
    this.#memory = memory;
    this.#as = as;
    // The fast path knows live ones only.
    this.all = !memory.shadow || size <= SHARED_AT_ONCE || as === "readonly";
    if (this.all) memory.shadow?.mark(data, size, as);
  }

  share(value: number, size: number): number {
    if (!this.all) this.#memory.shadow?.mark(value, size, this.#as);
    return value;
  }
}

/** The next of an array's keys, put at `at` (array_map_get_next_key). */
export function nextIndex(
  map: BpfMap,
  at: number,
  memory: { u32(address: number): number; setU32(address: number, value: number): void },
  key: number | undefined,
): number {
  const { maxEntries } = map.definition;
  const index = key === undefined ? maxEntries : memory.u32(key);
  if (index === maxEntries - 1) return 0;
  memory.setU32(at, index >= maxEntries ? 0 : index + 1);
  return at;
}

function eachIndex(
  map: BpfMap,
  at: number,
  memory: { setU32(address: number, value: number): void },
  visit: (index: number) => boolean,
): number {
  const { maxEntries } = map.definition;
  for (let index = 0; index < maxEntries; index++) {
    memory.setU32(at, index);
    if (!visit(index)) return index + 1;
  }
  return maxEntries;
}
