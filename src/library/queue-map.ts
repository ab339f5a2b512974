import type { Codec, Input } from "../codec/index.ts";
import { compileCodec } from "../codec/index.ts";
import { SyscallError } from "../kernel/index.ts";
import { BPF_ANY, BPF_EXIST, ERRNO } from "../uapi/index.ts";
import { LibraryError } from "./library-error.ts";
import { MapHandle } from "./map-handle.ts";
import type { MapSource } from "./map-handle.ts";

/**
 * A queue (first in, first out) or a stack (last in, first out).
 *
 * @example
 * ```ts
 * import { createMap } from "bpfkit";
 *
 * using queue = await createMap({ type: "queue", value: "u32", maxEntries: 8 });
 * queue.push(1);
 * queue.push(2);
 * console.log(queue.peek(), queue.pop(), queue.pop(), queue.pop());
 * // prints 1 1 2 undefined
 * ```
 */
export class QueueMap<V = unknown> extends MapHandle {
  readonly #value: Codec<V>;

  /** Maps are made by `load`, `openMap` and `createMap`. */
  constructor(source: MapSource) {
    super(source);
    this.#value = valueCodec(source);
  }

  /**
   * `replaceOldest`: a full queue drops its oldest value.
   * @throws LibraryError `library/map-full`; CodecError for what the type cannot hold
   */
  push(value: Input<V>, { replaceOldest = false }: { readonly replaceOldest?: boolean } = {}): void {
    const { kernel, loaded } = this.source;
    try {
      kernel.bpf("MAP_UPDATE_ELEM", {
        map_fd: loaded.fd,
        value: this.#value.write(value),
        flags: BigInt(replaceOldest ? BPF_EXIST : BPF_ANY),
      });
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ERRNO.E2BIG) throw error;
      throw new LibraryError(
        "library/map-full",
        `Map ${this.name} is full: it holds ${this.maxEntries} values`,
        ["Pop values, or push with { replaceOldest: true }"],
        error,
      );
    }
  }

  /** Takes the next value out; undefined when there is none. */
  pop(): V | undefined {
    const { kernel, loaded } = this.source;
    const value = new Uint8Array(loaded.valueBytes);
    return kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd: loaded.fd, value })
      ? this.#value.read(value)
      : undefined;
  }

  /** The next value, which stays; undefined when there is none. */
  peek(): V | undefined {
    const { kernel, loaded } = this.source;
    const value = new Uint8Array(loaded.valueBytes);
    return kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: loaded.fd, value }) ? this.#value.read(value) : undefined;
  }
}

/**
 * A Bloom filter: it knows values for sure that it never saw, and may take others for known.
 *
 * @example
 * ```ts
 * import { createMap } from "bpfkit";
 *
 * using seen = await createMap({ type: "bloom", value: "u32", maxEntries: 1000 });
 * seen.add(7);
 * console.log(seen.mayHave(7), seen.mayHave(8));
 * // prints true false
 * ```
 */
export class BloomMap<V = unknown> extends MapHandle {
  readonly #value: Codec<V>;

  /** Maps are made by `load`, `openMap` and `createMap`. */
  constructor(source: MapSource) {
    super(source);
    this.#value = valueCodec(source);
  }

  add(value: Input<V>): void {
    const { kernel, loaded } = this.source;
    kernel.bpf("MAP_UPDATE_ELEM", {
      map_fd: loaded.fd,
      value: this.#value.write(value),
      flags: BigInt(BPF_ANY),
    });
  }

  /** False: never added. True: added, or looks like it. */
  mayHave(value: Input<V>): boolean {
    const { kernel, loaded } = this.source;
    return kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: loaded.fd, value: this.#value.write(value) });
  }
}

function valueCodec<V>({ schema, loaded }: MapSource): Codec<V> {
  const shape = schema.value ?? { kind: "bytes" as const, size: loaded.spec.valueSize };
  return compileCodec<V>(shape, `the value of map ${schema.name}`);
}
