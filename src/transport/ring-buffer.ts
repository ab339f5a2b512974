import { BPF_RINGBUF } from "../uapi/index.ts";
import type { Fd, Kernel, MappedRegion } from "../kernel/index.ts";
import type { RecordArea, RecordHandler, RecordSource } from "./record-source.ts";

/** Bits of a record header's first u32; the rest is the length (kernel/bpf/ringbuf.c). */
const BUSY = BPF_RINGBUF.BUSY_BIT | 0;
const DISCARD = BPF_RINGBUF.DISCARD_BIT | 0;
const LENGTH_MASK = ~(BUSY | DISCARD);
const HEADER_SIZE = BPF_RINGBUF.HDR_SZ;
const TWO_TO_32 = 2 ** 32;
/** Room is given back when this part of the ring was read: each time costs a barrier. */
const RELEASES = 16;

/**
 * Reader of a BPF_MAP_TYPE_RINGBUF map of `size` bytes, in place: the kernel maps the data pages twice in a
 * row, so no record wraps. A ring has one reader.
 */
export class RingBuffer implements RecordSource {
  readonly lost = 0;
  readonly fds: readonly Fd[];
  readonly #size: number;
  readonly #mask: number;
  readonly #consumer: MappedRegion;
  readonly #producer: MappedRegion;
  readonly #consumed: BigUint64Array;
  /** The same position as two u32 halves: no bigint for each record. */
  readonly #consumedHalves: Int32Array;
  readonly #produced: BigUint64Array;
  readonly #headers: Int32Array;
  readonly #area: RecordArea;
  /** How far records were handed over, and how far the kernel knows. */
  #position: number;
  #released: number;
  /** Where the producers were when last looked at. */
  #end: number;

  constructor(kernel: Kernel, map: Fd, size: number) {
    const page = kernel.pageSize;
    this.fds = [map];
    this.#size = size;
    this.#mask = size - 1;
    this.#consumer = kernel.mmap(map, page, "readWrite");
    try {
      this.#producer = kernel.mmap(map, page + 2 * size, "read", page);
    } catch (error) {
      this.#consumer[Symbol.dispose]();
      throw error;
    }
    const consumer = this.#consumer.bytes;
    const producer = this.#producer.bytes;
    const data = producer.byteOffset + page;
    this.#consumed = new BigUint64Array(consumer.buffer, consumer.byteOffset, 1);
    this.#consumedHalves = new Int32Array(consumer.buffer, consumer.byteOffset, 2);
    this.#produced = new BigUint64Array(producer.buffer, producer.byteOffset, 1);
    this.#headers = new Int32Array(producer.buffer, data, size >>> 2);
    this.#area = {
      bytes: Buffer.from(producer.buffer, data, 2 * size),
      view: new DataView(producer.buffer, data, 2 * size),
    };
    this.#position = Number(Atomics.load(this.#consumed, 0));
    this.#released = this.#position;
    this.#end = this.#position;
  }

  drain(handle: RecordHandler, limit: number): number {
    try {
      return this.#drain(handle, limit);
    } finally {
      this.#release();
    }
  }

  [Symbol.dispose](): void {
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }

  #drain(handle: RecordHandler, limit: number): number {
    let count = 0;
    // The producer is read anew behind every stretch, and a record that is not finished is looked at again once
    // the room in front of it was given back: what is committed in between raises no wake-up.
    while (count < limit) {
      if (this.#position >= this.#end) {
        this.#release();
        this.#end = Number(Atomics.load(this.#produced, 0));
        if (this.#position >= this.#end) break;
      }
      const offset = this.#position & this.#mask;
      let header = Atomics.load(this.#headers, offset >>> 2);
      if ((header & BUSY) !== 0) {
        this.#release();
        header = Atomics.load(this.#headers, offset >>> 2);
        if ((header & BUSY) !== 0) break;
      }
      const length = header & LENGTH_MASK;
      this.#position += HEADER_SIZE + ((length + 7) & ~7);
      if ((header & DISCARD) !== 0) continue;
      count++;
      if (handle(this.#area, offset + HEADER_SIZE, length) === false) break;
      if (this.#position - this.#released > this.#size / RELEASES) this.#release();
    }
    return count;
  }

  /** Gives room back. The low half alone changes, but for every 4 GiB. */
  #release(): void {
    const position = this.#position;
    if (position === this.#released) return;
    const high = Math.floor(position / TWO_TO_32);
    if (high === this.#consumedHalves[1]) Atomics.store(this.#consumedHalves, 0, position | 0);
    else Atomics.store(this.#consumed, 0, BigInt(position));
    this.#released = position;
  }
}
