import type { Codec, Input, Shape } from "../codec/index.ts";
import { compileCodec } from "../codec/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import type { MapSchema } from "../schema/index.ts";
import { BPF_ANY, BPF_EXIST, BPF_F, BPF_MAP_TYPE, BPF_NOEXIST, ERRNO } from "../uapi/index.ts";
import { memoryOf } from "../util/index.ts";
import type { Memory } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";
import { MapHandle } from "./map-handle.ts";
import type { MapSource } from "./map-handle.ts";
import { MapView } from "./map-view.ts";

/**
 * How an element is set.
 */
export interface UpdateOptions {
  /** Only where the key is not there yet, or is; absent: either way. */
  readonly when?: "absent" | "present";
  /** Under the value's bpf_spin_lock. */
  readonly lock?: boolean;
}

/**
 * A map with keys: hashes, arrays, LRU maps, tries, storages, maps of maps and of programs. Keys and values
 * are what their C types are in JavaScript (docs/library.md); per-CPU maps have arrays of values, one for each
 * possible CPU. Iteration gives `[key, value]` pairs.
 *
 * Elements of program arrays and maps of maps are set by descriptor (`program.fd`, `map.fd`) and read as the
 * kernel's id.
 *
 * @example
 * ```ts
 * import { createMap } from "bpfkit";
 *
 * using counts = await createMap({ type: "hash", key: "u32", value: "u64", maxEntries: 16 });
 * counts.set(7, 1n);
 * counts.set(8, 2);
 * console.log(counts.get(7), counts.get(9), [...counts.keys()].sort());
 * // prints 1n undefined [ 7, 8 ]
 * ```
 */
export class BpfMap<K = unknown, V = unknown> extends MapHandle implements Iterable<[key: K, value: V]> {
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;

  /** Maps are made by `load`, `openMap` and `createMap`. */
  constructor(source: MapSource) {
    super(source);
    const { schema, loaded } = source;
    this.#key = compileCodec<K>(schema.key!, `the key of map ${schema.name}`);
    this.#value = compileCodec<V>(valueShape(schema, loaded), `the value of map ${schema.name}`);
  }

  /** @throws SyscallError where this kind of map cannot be looked up from user space */
  get(key: Input<K>): V | undefined {
    const bytes = this.source.loaded.lookup(this.#key.write(key));
    return bytes && this.#value.read(bytes);
  }

  has(key: Input<K>): boolean {
    return this.source.loaded.lookup(this.#key.write(key)) !== undefined;
  }

  /**
   * @throws LibraryError `library/map-full`, and `library/key-exists` or `library/no-key` where `when` asked for it;
   *   CodecError for what the types cannot hold; SyscallError otherwise
   */
  set(key: Input<K>, value: Input<V>, options: UpdateOptions = {}): void {
    try {
      this.source.loaded.update(this.#key.write(key), this.#value.write(value), flagsOf(options));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** False if there was no such key. Elements of plain arrays cannot be deleted. @throws SyscallError */
  delete(key: Input<K>): boolean {
    return this.source.loaded.delete(this.#key.write(key));
  }

  /** Looks up and deletes in one step (hashes since Linux 5.14). @throws SyscallError */
  take(key: Input<K>): V | undefined {
    const { kernel, loaded } = this.source;
    const value = new Uint8Array(loaded.valueBytes);
    const attr = { map_fd: loaded.fd, key: this.#key.write(key), value };
    return kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", attr) ? this.#value.read(value) : undefined;
  }

  /**
   * Sets many elements, by few system calls where the kernel has batches for this kind of map (Linux 5.6) and
   * one by one elsewhere; returns how many. @throws as `set`
   */
  setAll(entries: Iterable<readonly [key: Input<K>, value: Input<V>]>, options: UpdateOptions = {}): number {
    const { loaded } = this.source;
    const list = [...entries];
    const keys = packed(this.#key, list, ([key]) => key);
    const values = packed(this.#value, list, ([, value]) => value);
    try {
      loaded.updateAll(keys, values, flagsOf(options));
    } catch (error) {
      throw this.#explain(error);
    }
    return list.length;
  }

  /** Deletes many keys, as `setAll` sets them; returns how many were there. */
  deleteAll(keys: Iterable<Input<K>>): number {
    return this.source.loaded.deleteAll(packed(this.#key, [...keys], (key) => key));
  }

  /**
   * Walks the map, by batches where the kernel has them. What others add or delete meanwhile may be seen or
   * not; deleting what was just seen is safe.
   */
  *[Symbol.iterator](): Generator<[key: K, value: V], void, void> {
    for (const { keys, values, count } of this.source.loaded.packs()) {
      const keyMemory = memoryOf(keys);
      const valueMemory = memoryOf(values);
      for (let index = 0; index < count; index++)
        yield [element(this.#key, keyMemory, index), element(this.#value, valueMemory, index)];
    }
  }

  entries(): Generator<[key: K, value: V], void, void> {
    return this[Symbol.iterator]();
  }

  *keys(): Generator<K, void, void> {
    for (const key of this.source.loaded.keys()) yield this.#key.read(key);
  }

  *values(): Generator<V, void, void> {
    for (const [, value] of this) yield value;
  }

  /** Deletes every key; sets every element of an array to zero. */
  clear(): void {
    this.source.loaded.clear();
  }

  /**
   * The elements of an array with BPF_F_MMAPABLE in place: programs see at once what is set, without a system
   * call. Closed with the map.
   * @throws LibraryError `library/wrong-kind` for other maps
   */
  view(): MapView<V> {
    const { schema } = this.source;
    if (schema.type !== BPF_MAP_TYPE.ARRAY || (schema.flags & BPF_F.MMAPABLE) === 0)
      throw new LibraryError("library/wrong-kind", `Map ${this.name} is no array with BPF_F_MMAPABLE`, [
        "Add __uint(map_flags, BPF_F_MMAPABLE) to its definition",
      ]);
    return new MapView(this.source, this.#value);
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof SyscallError)) return error;
    switch (error.errno) {
      case ERRNO.E2BIG:
      case ERRNO.ENOSPC:
        return new LibraryError(
          "library/map-full",
          `Map ${this.name} has no room for another key: it holds ${this.maxEntries}`,
          ["Give it more with load(..., { maps: { NAME: { maxEntries } } }), or delete keys"],
          error,
        );
      case ERRNO.EEXIST:
        return new LibraryError("library/key-exists", `Map ${this.name} has that key already`, [], error);
      case ERRNO.ENOENT:
        return new LibraryError("library/no-key", `Map ${this.name} has no such key`, [], error);
      default:
        return error;
    }
  }
}

function element<T>(codec: Codec<T>, memory: Memory, index: number): T {
  return codec.decode(memory, index * codec.size, (index + 1) * codec.size);
}

/** Values of a list, one behind the other. */
function packed<Item, T>(codec: Codec<T>, list: readonly Item[], of: (item: Item) => Input<T>): Uint8Array {
  const memory = memoryOf(new Uint8Array(list.length * codec.size));
  list.forEach((item, index) => codec.encode(memory, index * codec.size, of(item)));
  return memory.bytes;
}

/** In per-CPU maps an array, whose elements lie 8-byte aligned. */
function valueShape({ value, perCpu }: MapSchema, { valueStride, valueBytes }: LoadedMap): Shape {
  const element: Shape = value ?? { kind: "bytes", size: valueBytes };
  if (!perCpu) return element;
  return { kind: "array", size: valueBytes, element, length: valueBytes / valueStride, stride: valueStride };
}

function flagsOf({ when, lock = false }: UpdateOptions): number {
  const mode = when === undefined ? BPF_ANY : when === "absent" ? BPF_NOEXIST : BPF_EXIST;
  return mode | (lock ? BPF_F.LOCK : 0);
}
