import type { Codec, Input } from "../codec/index.ts";
import { alignUp, memoryOf } from "../util/index.ts";
import type { Memory } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";
import type { MapSource } from "./map-handle.ts";

/**
 * The elements of an array map in place, shared with its programs. Iteration reads them in order.
 *
 * @example
 * ```ts
 * import { load } from "bpfkit";
 *
 * await using object = await load("events.bpf.o");
 * const table = object.map<number, bigint>("table");
 * const view = table.view();
 * view.set(2, 7n);
 * console.log(table.get(2), [...view]);
 * // prints 7n [ 0n, 0n, 7n, 0n ]
 * ```
 */
export class MapView<V = unknown> implements Iterable<V> {
  readonly length: number;
  readonly #source: MapSource;
  readonly #codec: Codec<V>;
  readonly #memory: Memory;
  readonly #stride: number;

  /** Views are made by {@link BpfMap.view}. */
  constructor(source: MapSource, codec: Codec<V>) {
    const { kernel, loaded, resources } = source;
    this.#source = source;
    this.#codec = codec;
    this.length = loaded.spec.maxEntries;
    // Elements of arrays lie 8-byte aligned (array_map_alloc in kernel/bpf/arraymap.c).
    this.#stride = alignUp(loaded.spec.valueSize, 8);
    const size = alignUp(this.length * this.#stride, kernel.pageSize);
    this.#memory = memoryOf(resources.use(kernel.mmap(loaded.fd, size, "readWrite")).bytes);
  }

  /** @throws RangeError for an index that is not below `length` */
  get(index: number): V {
    const at = this.#offset(index);
    return this.#codec.decode(this.#memory, at, at + this.#codec.size);
  }

  /** Not atomic: a program may see a part of a large value. @throws RangeError, CodecError */
  set(index: number, value: Input<V>): void {
    // Encoded aside first: a value that is refused changes nothing.
    this.#memory.bytes.set(this.#codec.write(value), this.#offset(index));
  }

  *[Symbol.iterator](): Generator<V, void, void> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  #offset(index: number): number {
    if (this.#source.resources.disposed)
      throw new LibraryError(
        "library/closed",
        `A view of map ${this.#source.schema.name} was used after it was closed`,
      );
    if (!Number.isInteger(index) || index < 0 || index >= this.length)
      throw new RangeError(`Map ${this.#source.schema.name} has no element ${index}: it has ${this.length}`);
    return index * this.#stride;
  }
}
