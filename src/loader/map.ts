import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel, MappedRegion } from "../kernel/index.ts";
import type { MapSpec } from "../object/index.ts";
import { BPF_ANY, BPF_MAP_TYPE, ERRNO } from "../uapi/index.ts";

export interface MapEntry {
  readonly key: Uint8Array;
  /** Per-CPU maps: one value for each possible CPU, each {@link LoadedMap.valueStride} bytes. */
  readonly value: Uint8Array;
}

/** Elements as the kernel gives them: keys one behind the other, values too. */
export interface MapPack {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.PERCPU_HASH,
  BPF_MAP_TYPE.PERCPU_ARRAY,
  BPF_MAP_TYPE.LRU_PERCPU_HASH,
  BPF_MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);
const ARRAYS: ReadonlySet<number> = new Set([BPF_MAP_TYPE.ARRAY, BPF_MAP_TYPE.PERCPU_ARRAY]);

/** Elements asked for at once; a bucket of a hash that holds more makes the kernel say ENOSPC. */
const BATCH = 1024;

/** A map in the kernel. Keys and values are the map's raw bytes. */
export class LoadedMap implements Disposable {
  readonly name: string;
  readonly fd: Fd;
  readonly spec: MapSpec;
  readonly perCpu: boolean;
  /** Bytes from one CPU's value to the next; the value's own size in maps that are not per-CPU. */
  readonly valueStride: number;
  /** Of what is looked up and updated: all CPUs' values together. */
  readonly valueBytes: number;
  /** An arena's pages, as long as the map is open: what programs and this process share. */
  readonly memory: MappedRegion | undefined;
  readonly #kernel: Kernel;
  #batches = true;
  #open = true;

  constructor(kernel: Kernel, spec: MapSpec, fd: Fd, memory?: MappedRegion) {
    this.#kernel = kernel;
    this.memory = memory;
    this.spec = spec;
    this.name = spec.name;
    this.fd = fd;
    this.perCpu = PER_CPU.has(spec.type);
    this.valueStride = this.perCpu ? roundUp8(spec.valueSize) : spec.valueSize;
    this.valueBytes = this.perCpu ? this.valueStride * kernel.files.possibleCpus().length : this.valueStride;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return this.#kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: this.fd, key: this.#key(key), value })
      ? value
      : undefined;
  }

  update(key: Uint8Array, value: Uint8Array, flags: number = BPF_ANY): void {
    const attr = {
      map_fd: this.fd,
      key: this.#key(key),
      value: this.#value(value),
      flags: BigInt(flags),
    };
    this.#kernel.bpf("MAP_UPDATE_ELEM", attr);
  }

  /**
   * Sets elements whose keys and values lie one behind the other, by batches where the kernel has them; what was
   * set before a failure stays.
   */
  updateAll(keys: Uint8Array, values: Uint8Array, flags: number = BPF_ANY): void {
    const { keySize } = this.spec;
    const count = keys.length / keySize;
    // A batch that failed does not say where; where keys must be new it cannot be done again.
    const done = flags === BPF_ANY ? this.#updateBatches(keys, values, count) : 0;
    for (let index = done; index < count; index++)
      this.update(part(keys, index, 1, keySize), part(values, index, 1, this.valueBytes), flags);
  }

  /** Deletes keys that lie one behind the other; returns how many were there. */
  deleteAll(keys: Uint8Array): number {
    const { keySize } = this.spec;
    const all = keys.length / keySize;
    let deleted = 0;
    for (let from = 0; from < all;) {
      const count = Math.min(BATCH, all - from);
      try {
        const done = this.#kernel.bpf("MAP_DELETE_BATCH", {
          map_fd: this.fd,
          keys: part(keys, from, count, keySize),
          count,
        });
        deleted += done.count;
        // The batch ends at a key that is not there.
        from += done.end ? done.count + 1 : done.count;
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        for (; from < all; from++) deleted += Number(this.delete(part(keys, from, 1, keySize)));
      }
    }
    return deleted;
  }

  /** False if there was no such key. */
  delete(key: Uint8Array): boolean {
    return this.#kernel.bpf("MAP_DELETE_ELEM", { map_fd: this.fd, key: this.#key(key) });
  }

  /** Everything in the map, by batches where the kernel has them. */
  entries(): MapEntry[] {
    return [...this.packs()].flatMap((pack) => this.#split(pack));
  }

  /**
   * Walks the map, by batches where the kernel has them, else element by element. Entries that come or go under
   * the walk may be seen or not; deleting the ones that were seen is safe.
   */
  *packs(): Generator<MapPack, void, void> {
    if (this.#batches) {
      if (yield* this.#lookupBatches()) return;
      this.#batches = false;
    }
    for (const keys of this.eachKey()) {
      const values = this.lookup(keys);
      if (values) yield { keys, values, count: 1 };
    }
  }

  /** Everything by batches; undefined where the kernel has none for this type of map. */
  batchEntries(): MapEntry[] | undefined {
    if (!this.#batches) return undefined;
    const entries: MapEntry[] = [];
    const walk = this.#lookupBatches();
    for (let step = walk.next(); ; step = walk.next()) {
      if (!step.done) entries.push(...this.#split(step.value));
      else if (step.value) return entries;
      else break;
    }
    this.#batches = false;
    return undefined;
  }

  keys(): Uint8Array[] {
    return [...this.eachKey()];
  }

  /** The next key is asked for before the last one is handed out: it may then be deleted. */
  *eachKey(): Generator<Uint8Array, void, void> {
    let key = this.#nextKey(undefined);
    // Where a key goes away under the walk the kernel begins anew; the bound ends a walk that never settles.
    for (let count = 0; key && count < Math.max(1, this.spec.maxEntries); count++) {
      const next = this.#nextKey(key);
      yield key;
      key = next;
    }
  }

  #nextKey(key: Uint8Array | undefined): Uint8Array | undefined {
    const next_key = new Uint8Array(this.spec.keySize);
    return this.#kernel.bpf("MAP_GET_NEXT_KEY", { map_fd: this.fd, key, next_key }) ? next_key : undefined;
  }

  /** Deletes every key; sets every value of an array to zero. */
  clear(): void {
    if (ARRAYS.has(this.spec.type)) return this.zero();
    for (const key of this.keys()) this.delete(key);
  }

  /** Sets every value to zero, and keeps the keys. */
  zero(): void {
    const value = new Uint8Array(this.valueBytes);
    for (const key of this.keys()) this.update(key, value);
  }

  [Symbol.dispose](): void {
    // A number that was closed may soon be somebody else's descriptor.
    if (!this.#open) return;
    this.#open = false;
    this.memory?.[Symbol.dispose]();
    this.#kernel.close(this.fd);
  }

  #key(key: Uint8Array): Uint8Array {
    if (key.byteLength !== this.spec.keySize)
      throw new RangeError(
        `Map ${this.name} takes keys of ${this.spec.keySize} bytes, not ${key.byteLength}`,
      );
    return key;
  }

  #value(value: Uint8Array): Uint8Array {
    if (value.byteLength !== this.valueBytes)
      throw new RangeError(
        `Map ${this.name} takes values of ${this.valueBytes} bytes, not ${value.byteLength}`,
      );
    return value;
  }

  /** False, and nothing was handed out, where the kernel has no batches for this type of map. */
  *#lookupBatches(): Generator<MapPack, boolean, void> {
    // The cursor is a key for arrays and a u32 for hashes.
    const cursor = new Uint8Array(Math.max(this.spec.keySize, 4));
    let size = Math.max(1, Math.min(BATCH, this.spec.maxEntries));
    let seen = 0;
    for (let first = true; ;) {
      const keys = new Uint8Array(size * this.spec.keySize);
      const values = new Uint8Array(size * this.valueBytes);
      let end: boolean;
      let count: number;
      try {
        ({ count, end } = this.#kernel.bpf("MAP_LOOKUP_BATCH", {
          map_fd: this.fd,
          in_batch: first ? undefined : cursor,
          out_batch: cursor,
          keys,
          values,
          count: size,
        }));
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        if (error.errno === ERRNO.ENOSPC && size < this.spec.maxEntries) size *= 2;
        else if (first) return false;
        else throw error;
        continue;
      }
      first = false;
      yield { keys, values, count };
      seen += count;
      // A map that others fill faster than it is read would never end.
      if (end || seen > 2 * this.spec.maxEntries) return true;
    }
  }

  /** How many were set: none where the kernel has no batches for this type of map. */
  #updateBatches(keys: Uint8Array, values: Uint8Array, all: number): number {
    for (let from = 0; from < all; from += BATCH) {
      const count = Math.min(BATCH, all - from);
      try {
        this.#kernel.bpf("MAP_UPDATE_BATCH", {
          map_fd: this.fd,
          keys: part(keys, from, count, this.spec.keySize),
          values: part(values, from, count, this.valueBytes),
          count,
        });
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        return from;
      }
    }
    return all;
  }

  #split({ keys, values, count }: MapPack): MapEntry[] {
    return Array.from({ length: count }, (_, index) => ({
      key: part(keys, index, 1, this.spec.keySize),
      value: part(values, index, 1, this.valueBytes),
    }));
  }
}

/** Per-CPU values lie 8-byte aligned (bpf_map_copy_value in kernel/bpf/syscall.c). */
function roundUp8(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** `count` elements of `size` bytes from the `index`-th. */
function part(bytes: Uint8Array, index: number, count: number, size: number): Uint8Array {
  return bytes.subarray(index * size, (index + count) * size);
}
