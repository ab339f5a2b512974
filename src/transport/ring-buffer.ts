import { BPF_RINGBUF } from "../uapi/index.ts";
import type { Fd, Kernel, MappedRegion } from "../kernel/index.ts";
import type { RecordArea, RecordHandler, RecordSource } from "./record-source.ts";

/** Bits of a record header's first u32; the rest is the length (kernel/bpf/ringbuf.c). */
const BUSY = BPF_RINGBUF.BUSY_BIT | 0;
const DISCARD = BPF_RINGBUF.DISCARD_BIT | 0;
const LENGTH_MASK = ~(BUSY | DISCARD);
const HEADER_SIZE = BPF_RINGBUF.HDR_SZ;
const TWO_TO_32 = 2 ** 32;

/**
 * Reader of a BPF_MAP_TYPE_RINGBUF map of `size` bytes, in place: the kernel maps the data pages twice in a
 * row, so no record wraps.
 */
export class RingBuffer implements RecordSource {
  readonly lost = 0;
  readonly fds: readonly Fd[];
  readonly #size: number;
  readonly #consumer: MappedRegion;
  readonly #producer: MappedRegion;
  readonly #consumed: BigUint64Array;
  /** The same position as two u32 halves: no bigint for each record. */
  readonly #consumedHalves: Int32Array;
  readonly #produced: BigUint64Array;
  readonly #headers: Int32Array;
  readonly #area: RecordArea;

  constructor(kernel: Kernel, map: Fd, size: number) {
    const page = kernel.pageSize;
    this.fds = [map];
    this.#size = size;
    this.#consumer = kernel.mmap(map, page, "readWrite");
    this.#producer = kernel.mmap(map, page + 2 * size, "read", page);
    this.#consumed = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#consumedHalves = new Int32Array(this.#consumer.buffer, 0, 2);
    this.#produced = new BigUint64Array(this.#producer.buffer, 0, 1);
    this.#headers = new Int32Array(this.#producer.buffer, page);
    this.#area = {
      bytes: Buffer.from(this.#producer.buffer, page, 2 * size),
      view: new DataView(this.#producer.buffer, page, 2 * size),
    };
  }

  drain(handle: RecordHandler, limit: number): number {
    let count = 0;
    let position = Number(Atomics.load(this.#consumed, 0));
    // The producer is read anew behind every stretch: a record that was committed while the last ones were
    // read raises no wake-up.
    for (;;) {
      const end = Number(Atomics.load(this.#produced, 0));
      if (position >= end) return count;
      while (position < end) {
        const offset = position % this.#size;
        const header = Atomics.load(this.#headers, offset >>> 2);
        if ((header & BUSY) !== 0) return count;
        const length = header & LENGTH_MASK;
        const keepOn = (header & DISCARD) !== 0 || this.#hand(handle, offset + HEADER_SIZE, length);
        if ((header & DISCARD) === 0) count++;
        position += HEADER_SIZE + ((length + 7) & ~7);
        this.#release(position);
        if (!keepOn || count >= limit) return count;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#consumer[Symbol.dispose]();
    this.#producer[Symbol.dispose]();
  }

  #hand(handle: RecordHandler, offset: number, length: number): boolean {
    return handle(this.#area, offset, length) !== false;
  }

  /** Gives the record's room back. The low half alone changes, but for every 4 GiB. */
  #release(position: number): void {
    const high = Math.floor(position / TWO_TO_32);
    if (high === this.#consumedHalves[1]) Atomics.store(this.#consumedHalves, 0, position | 0);
    else Atomics.store(this.#consumed, 0, BigInt(position));
  }
}
