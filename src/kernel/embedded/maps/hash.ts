import { BPF_EXIST, BPF_F, BPF_MAP_TYPE, BPF_NOEXIST, ERRNO } from "../../../uapi/index.ts";
import { OutOfMemoryError, roundUp } from "../heap.ts";
import { ELEMENT, FAST, HEADER_SIZE, STATE } from "./layout.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost } from "./map.ts";

/** Bytes of the first chunk of elements; each later one doubles the map. */
const FIRST_CHUNK = 4096;
const MAX_BUCKETS = 1 << 24;

interface Chunk {
  readonly address: number;
  readonly elements: number;
  /** How many of them were put into the list of free ones, in order. */
  linked: number;
}

/**
 * kernel/bpf/hashtab.c: buckets of linked elements. All changes go through the fast path's find, insert and
 * erase; here is what they lack: memory for more elements, eviction, values of all CPUs, walks.
 */
export class HashMap extends BpfMap {
  readonly #perCpu: boolean;
  readonly #lru: boolean;
  readonly #buckets: number;
  readonly #bucketCount: number;
  readonly #valueOffset: number;
  readonly #valueStride: number;
  readonly #stride: number;
  readonly #elementSize: number;
  readonly #chunks: Chunk[] = [];
  #elements = 0;
  /** Where the hand of the LRU's clock stands: chunk and element. */
  #hand: readonly [number, number] = [0, 0];

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    const { type, keySize, valueSize, maxEntries, fields } = definition;
    this.#perCpu = type === BPF_MAP_TYPE.PERCPU_HASH || type === BPF_MAP_TYPE.LRU_PERCPU_HASH;
    this.#lru = type === BPF_MAP_TYPE.LRU_HASH || type === BPF_MAP_TYPE.LRU_PERCPU_HASH;
    this.#bucketCount = Math.min(MAX_BUCKETS, 2 ** Math.ceil(Math.log2(Math.max(1, maxEntries))));
    this.#buckets = this.memory.allocate(this.#bucketCount * 4);
    this.#valueOffset = ELEMENT.key + roundUp(keySize, 8);
    this.#valueStride = roundUp(valueSize, 8);
    this.#stride = this.#perCpu ? this.#valueStride * host.cpus : this.#valueStride;
    this.#elementSize = this.#valueOffset + this.#stride;
    this.header("data", this.#buckets);
    this.header("mask", this.#bucketCount - 1);
    this.header("valueOffset", this.#valueOffset);
    this.header("stride", this.#stride);
    this.header("cpuStride", this.#valueStride);
    const kind = this.#perCpu
      ? this.#lru
        ? FAST.lruPerCpuHash
        : FAST.perCpuHash
      : this.#lru
        ? FAST.lruHash
        : FAST.hash;
    this.header("lookup", kind);
    // The strict mode is told of elements that come and go.
    this.header("change", fields.list.length === 0 && !host.strict ? kind : FAST.none);
    // Preallocated maps have room for all from the start; memory that is not touched costs none.
    if ((definition.flags & BPF_F.NO_PREALLOC) === 0) this.#reserve(definition.maxEntries);
  }

  override get givesValues(): boolean {
    return this.definition.inner === undefined;
  }

  override get userValueSize(): number {
    return this.#perCpu ? this.#stride : this.definition.valueSize;
  }

  override lookup(key: number): number {
    const element = this.host.fast.find(this.address, key);
    return element === 0
      ? 0
      : this.#valueOf(element) + (this.#perCpu ? this.host.cpu() * this.#valueStride : 0);
  }

  override lookupOn(key: number, cpu: number): number {
    const element = this.host.fast.find(this.address, key);
    if (element === 0 || !this.#perCpu || cpu >= this.host.cpus) return 0;
    return this.#valueOf(element) + cpu * this.#valueStride;
  }

  /** The slow path: values with fields that are not to be copied, and locked updates. */
  override update(key: number, value: number, flags: number): number {
    const { valueSize, fields } = this.definition;
    const locked = (flags & BPF_F.LOCK) !== 0;
    if ((flags & ~BPF_F.LOCK) > BPF_EXIST || flags > 7) return -ERRNO.EINVAL;
    if (locked && !fields.has("bpf_spin_lock")) return -ERRNO.EINVAL;
    const element = this.#place(key, flags & ~BPF_F.LOCK);
    if (element < 0) return element;
    const at = this.#valueOf(element) + (this.#perCpu ? this.host.cpu() * this.#valueStride : 0);
    fields.replace(this.memory.slice(at, valueSize), this.memory.slice(value, valueSize));
    return 0;
  }

  override remove(key: number): number {
    const element = this.host.strict ? this.host.fast.find(this.address, key) : 0;
    if (element !== 0) this.memory.shadow?.mark(this.#valueOf(element), this.#stride, "freed");
    return this.host.fast.erase(this.address, key);
  }

  override read(key: number, out: Uint8Array, flags: number): number {
    if ((flags & BPF_F.LOCK) !== 0 && !this.definition.fields.has("bpf_spin_lock")) return -ERRNO.EINVAL;
    const element = this.host.fast.find(this.address, key);
    if (element === 0) return -ERRNO.ENOENT;
    out.set(this.memory.slice(this.#valueOf(element), out.length));
    this.definition.fields.clear(out);
    return 0;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    if (!this.#perCpu) return super.write(key, value, flags);
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    const element = this.#place(key, flags);
    if (element < 0) return element;
    this.memory.bytes.set(value, this.#valueOf(element));
    return 0;
  }

  override next(key: number | undefined): number {
    const element = key === undefined ? 0 : this.host.fast.find(this.address, key);
    // A key that is gone begins the walk anew.
    if (element === 0) return this.#firstFrom(0);
    const following = this.memory.u32(element + ELEMENT.next);
    if (following !== 0) return following + ELEMENT.key;
    return this.#firstFrom((this.memory.u32(element + ELEMENT.hash) & (this.#bucketCount - 1)) + 1);
  }

  /** Buckets for batches: their number, and addresses of the keys in one. */
  get bucketCount(): number {
    return this.#bucketCount;
  }

  bucket(index: number): number[] {
    const keys: number[] = [];
    // A program that wrote where it must not may have made a ring of the chain.
    const most = this.definition.maxEntries;
    for (let element = this.memory.u32(this.#buckets + index * 4); element !== 0 && keys.length < most;) {
      keys.push(element + ELEMENT.key);
      element = this.memory.u32(element + ELEMENT.next);
    }
    return keys;
  }

  override keyOfValue(value: number): number {
    return value - this.#valueOffset + ELEMENT.key;
  }

  override forEach(visit: (key: number, value: number) => boolean): number {
    let count = 0;
    for (let index = 0; index < this.#bucketCount; index++)
      for (const key of this.bucket(index)) {
        count++;
        const cpuPart = this.#perCpu ? this.host.cpu() * this.#valueStride : 0;
        if (!visit(key, key - ELEMENT.key + this.#valueOffset + cpuPart)) return count;
      }
    return count;
  }

  /** More free elements, for the fast path: 0 or an error. */
  refill(): number {
    const last = this.#chunks.at(-1);
    const more = Math.max(1, Math.floor(FIRST_CHUNK / this.#elementSize), this.headerOf("count"));
    if (last && last.linked < last.elements) return this.#link(last, more);
    const room = this.definition.maxEntries - this.#elements;
    if (room <= 0) return this.#lru ? this.#evict() : -ERRNO.E2BIG;
    const chunk = this.#tryReserve(Math.min(room, more)) ?? this.#tryReserve(1);
    return chunk ? this.#link(chunk, more) : -ERRNO.ENOMEM;
  }

  protected override memoryUsed(): number {
    return HEADER_SIZE + this.#bucketCount * 4 + this.#elements * this.#elementSize;
  }

  protected override dispose(): void {
    for (const { address } of this.#chunks) this.memory.free(address);
    this.memory.free(this.#buckets);
  }

  /** Lets programs reach an element's value, but not one that holds a map's address, and callbacks its key. */
  #share(element: number): void {
    if (!this.givesValues) return;
    this.memory.shadow?.mark(element + ELEMENT.key, this.definition.keySize, "readonly");
    this.memory.shadow?.mark(this.#valueOf(element), this.#stride, this.sharedAs);
  }

  #valueOf(element: number): number {
    return element + this.#valueOffset;
  }

  /** The element of a key, made if it is not there and may be; or an error. New values are zero. */
  #place(key: number, flags: number): number {
    const { fast } = this.host;
    const known = fast.find(this.address, key);
    if (known !== 0) return flags === BPF_NOEXIST ? -ERRNO.EEXIST : known;
    if (flags === BPF_EXIST) return -ERRNO.ENOENT;
    const element = fast.insert(this.address, key);
    if (element < 0) return element;
    this.memory.bytes.fill(0, this.#valueOf(element), this.#valueOf(element) + this.#stride);
    if (this.host.strict) this.#share(element);
    return element;
  }

  #firstFrom(bucket: number): number {
    for (let index = bucket; index < this.#bucketCount; index++) {
      const element = this.memory.u32(this.#buckets + index * 4);
      if (element !== 0) return element + ELEMENT.key;
    }
    return 0;
  }

  #tryReserve(elements: number): Chunk | undefined {
    try {
      return this.#reserve(elements);
    } catch (error) {
      if (error instanceof OutOfMemoryError) return undefined;
      throw error;
    }
  }

  #reserve(elements: number): Chunk {
    const chunk = { address: this.memory.allocate(elements * this.#elementSize), elements, linked: 0 };
    this.#chunks.push(chunk);
    this.#elements += elements;
    return chunk;
  }

  /** Puts the next elements of a chunk into the list of free ones. */
  #link(chunk: Chunk, count: number): number {
    const end = Math.min(chunk.elements, chunk.linked + count);
    let next = this.headerOf("free");
    for (let index = end - 1; index >= chunk.linked; index--) {
      const element = chunk.address + index * this.#elementSize;
      this.memory.setU32(element + ELEMENT.next, next);
      // A deleted element's value stays where it is, and its pointers good, until another one takes its place.
      if (!this.host.strict) this.#share(element);
      next = element;
    }
    chunk.linked = end;
    this.header("free", next);
    return 0;
  }

  /** Frees the first element that was not looked up since the hand passed it last (second chance). */
  #evict(): number {
    const [startChunk] = this.#hand;
    let [chunk, index] = this.#hand;
    for (let passes = 0; passes < 3;) {
      const { address, elements } = this.#chunks[chunk]!;
      if (index >= elements) {
        index = 0;
        chunk = (chunk + 1) % this.#chunks.length;
        if (chunk === startChunk) passes++;
        continue;
      }
      const element = address + index++ * this.#elementSize;
      const state = this.memory.u32(element + ELEMENT.state);
      if ((state & STATE.referenced) !== 0) this.memory.setU32(element + ELEMENT.state, STATE.used);
      else if ((state & STATE.used) !== 0) {
        this.#hand = [chunk, index];
        return this.remove(element + ELEMENT.key);
      }
    }
    return -ERRNO.ENOMEM;
  }
}
