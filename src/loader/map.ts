import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { MapSpec } from "../object/index.ts";
import { BPF_ANY, BPF_MAP_TYPE, ERRNO } from "../uapi/index.ts";

export interface MapEntry {
  readonly key: Uint8Array;
  /** Per-CPU maps: one value for each possible CPU, each {@link LoadedMap.valueStride} bytes. */
  readonly value: Uint8Array;
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
  readonly #kernel: Kernel;
  readonly #valueBytes: number;
  #batches = true;

  constructor(kernel: Kernel, spec: MapSpec, fd: Fd) {
    this.#kernel = kernel;
    this.spec = spec;
    this.name = spec.name;
    this.fd = fd;
    this.perCpu = PER_CPU.has(spec.type);
    this.valueStride = this.perCpu ? roundUp8(spec.valueSize) : spec.valueSize;
    this.#valueBytes = this.perCpu ? this.valueStride * kernel.files.possibleCpus().length : this.valueStride;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.#valueBytes);
    return this.#kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: this.fd, key: this.#key(key), value })
      ? value
      : undefined;
  }

  update(key: Uint8Array, value: Uint8Array, flags: number = BPF_ANY): void {
    if (value.byteLength !== this.#valueBytes)
      throw new RangeError(
        `Map ${this.name} takes values of ${this.#valueBytes} bytes, not ${value.byteLength}`,
      );
    const attr = { map_fd: this.fd, key: this.#key(key), value, flags: BigInt(flags) };
    this.#kernel.bpf("MAP_UPDATE_ELEM", attr);
  }

  /** False if there was no such key. */
  delete(key: Uint8Array): boolean {
    return this.#kernel.bpf("MAP_DELETE_ELEM", { map_fd: this.fd, key: this.#key(key) });
  }

  /** Everything in the map, by batches where the kernel has them. */
  entries(): MapEntry[] {
    const batches = this.batchEntries();
    if (batches) return batches;
    return this.keys().flatMap((key) => {
      const value = this.lookup(key);
      return value ? [{ key, value }] : [];
    });
  }

  /** Everything by batches; undefined where the kernel has none for this type of map. */
  batchEntries(): MapEntry[] | undefined {
    const entries = this.#batches ? this.#lookupBatches() : undefined;
    this.#batches = entries !== undefined;
    return entries;
  }

  keys(): Uint8Array[] {
    return [...this.eachKey()];
  }

  *eachKey(): Generator<Uint8Array> {
    let key: Uint8Array | undefined;
    // Where a key goes away under the walk the kernel begins anew; the bound ends a walk that never settles.
    for (let count = 0; count < Math.max(1, this.spec.maxEntries); count++) {
      const next_key = new Uint8Array(this.spec.keySize);
      if (!this.#kernel.bpf("MAP_GET_NEXT_KEY", { map_fd: this.fd, key, next_key })) return;
      yield next_key;
      key = next_key;
    }
  }

  /** Deletes every key; sets every value of an array to zero. */
  clear(): void {
    if (ARRAYS.has(this.spec.type)) return this.zero();
    for (const key of this.keys()) this.delete(key);
  }

  /** Sets every value to zero, and keeps the keys. */
  zero(): void {
    const value = new Uint8Array(this.#valueBytes);
    for (const key of this.keys()) this.update(key, value);
  }

  [Symbol.dispose](): void {
    this.#kernel.close(this.fd);
  }

  #key(key: Uint8Array): Uint8Array {
    if (key.byteLength !== this.spec.keySize)
      throw new RangeError(
        `Map ${this.name} takes keys of ${this.spec.keySize} bytes, not ${key.byteLength}`,
      );
    return key;
  }

  /** Undefined where the kernel has no batches for this type of map. */
  #lookupBatches(): MapEntry[] | undefined {
    const entries: MapEntry[] = [];
    // The cursor is a key for arrays and a u32 for hashes.
    const cursor = new Uint8Array(Math.max(this.spec.keySize, 4));
    let size = Math.max(1, Math.min(BATCH, this.spec.maxEntries));
    let first = true;
    for (;;) {
      const keys = new Uint8Array(size * this.spec.keySize);
      const values = new Uint8Array(size * this.#valueBytes);
      try {
        const { count, end } = this.#kernel.bpf("MAP_LOOKUP_BATCH", {
          map_fd: this.fd,
          in_batch: first ? undefined : cursor,
          out_batch: cursor,
          keys,
          values,
          count: size,
        });
        this.#split(keys, values, count, entries);
        if (end || entries.length > 2 * this.spec.maxEntries) return entries;
        first = false;
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        if (error.errno === ERRNO.ENOSPC && size < this.spec.maxEntries) size *= 2;
        else if (first) return undefined;
        else throw error;
      }
    }
  }

  #split(keys: Uint8Array, values: Uint8Array, count: number, entries: MapEntry[]): void {
    const { keySize } = this.spec;
    for (let index = 0; index < count; index++)
      entries.push({
        key: keys.subarray(index * keySize, (index + 1) * keySize),
        value: values.subarray(index * this.#valueBytes, (index + 1) * this.#valueBytes),
      });
  }
}

/** Per-CPU values lie 8-byte aligned (bpf_map_copy_value in kernel/bpf/syscall.c). */
function roundUp8(size: number): number {
  return Math.ceil(size / 8) * 8;
}
