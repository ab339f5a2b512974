import type { Input } from "../codec/index.ts";
import { compileCodec } from "../codec/index.ts";
import type { MappedRegion } from "../kernel/index.ts";
import { BPF_RINGBUF } from "../uapi/index.ts";
import { alignUp, memoryOf } from "../util/index.ts";
import type { Memory } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";
import { MapHandle } from "./map-handle.ts";
import type { MapSource } from "./map-handle.ts";

/** A ring buffer in the other direction (Linux 6.1): programs take records out with bpf_user_ringbuf_drain. */
export class UserRingMap<E = Uint8Array> extends MapHandle {
  readonly #encode: (value: Input<E>) => Uint8Array;
  #ring: Ring | undefined;

  /** Maps are made by `load` and `openMap`. */
  constructor(source: MapSource) {
    super(source);
    const { name, value } = source.schema;
    const codec = value && compileCodec<E>(value, `a record of ${name}`);
    this.#encode = (input) => (codec ? codec.write(input) : bytesOf(input, name));
  }

  /**
   * Sends a record: a program finds it when it next drains the ring. False if there is no room.
   * @throws CodecError for what the type cannot hold; SyscallError where the ring cannot be mapped
   */
  send(value: Input<E>): boolean {
    const { kernel, loaded, resources } = this.source;
    const record = this.#encode(value);
    const size = loaded.spec.maxEntries;
    this.#ring ??= new Ring(
      size,
      // The kernel keeps its own position to itself (ringbuf_map_mmap_user in kernel/bpf/ringbuf.c).
      resources.use(kernel.mmap(loaded.fd, kernel.pageSize, "read")),
      resources.use(kernel.mmap(loaded.fd, kernel.pageSize + 2 * size, "readWrite", kernel.pageSize)),
      kernel.pageSize,
    );
    return this.#ring.send(record);
  }
}

class Ring {
  readonly #size: number;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #data: Memory;
  readonly #headers: Int32Array;

  constructor(size: number, consumer: MappedRegion, producer: MappedRegion, page: number) {
    this.#size = size;
    const { buffer, byteOffset } = producer.bytes;
    this.#consumed = new BigUint64Array(consumer.bytes.buffer, consumer.bytes.byteOffset, 1);
    this.#produced = new BigUint64Array(buffer, byteOffset, 1);
    this.#data = memoryOf(new Uint8Array(buffer, byteOffset + page, 2 * size));
    this.#headers = new Int32Array(buffer, byteOffset + page, size >>> 2);
  }

  send(record: Uint8Array): boolean {
    const room = alignUp(BPF_RINGBUF.HDR_SZ + record.length, 8);
    const position = Number(Atomics.load(this.#produced, 0));
    const used = position - Number(Atomics.load(this.#consumed, 0));
    if (used + room > this.#size) return false;
    const offset = position % this.#size;
    this.#data.bytes.set(record, offset + BPF_RINGBUF.HDR_SZ);
    // Length without the busy bit: the record is whole before the kernel may see it.
    this.#headers[(offset >>> 2) + 1] = 0;
    Atomics.store(this.#headers, offset >>> 2, record.length);
    Atomics.store(this.#produced, 0, BigInt(position + room));
    return true;
  }
}

function bytesOf(value: unknown, map: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new LibraryError("library/wrong-kind", `Records of map ${map} have no type: send a Uint8Array`);
}
