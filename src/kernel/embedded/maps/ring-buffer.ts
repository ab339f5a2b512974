import { BPF_RB, BPF_RINGBUF } from "../../../uapi/index.ts";
import { FAST, HEADER_SIZE } from "./layout.ts";
import { BpfMap, ENOTSUPP } from "./map.ts";
import type { MapDefinition, MapHost, MapRegion } from "./map.ts";

const PAGE_SIZE = 4096;

/**
 * kernel/bpf/ringbuf.c: a page of the ring's own that names its map, the consumer's page, the producer's page, and the data. The kernel maps its data
 * twice, so that no record wraps; here a record's tail just lies in the second half, where its reader looks
 * for it too. Producing is the fast path's.
 */
export class RingBufferMap extends BpfMap {
  readonly #start: number;
  /** The consumer's page. */
  readonly #ring: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    const { maxEntries } = definition;
    this.#start = this.memory.allocate(3 * PAGE_SIZE + 2 * maxEntries, PAGE_SIZE);
    this.memory.setU32(this.#start, this.address);
    this.#ring = this.#start + PAGE_SIZE;
    this.header("data", this.#ring);
    this.header("mask", maxEntries - 1);
    this.header("lookup", FAST.none);
    this.header("change", FAST.none);
  }

  get consumed(): bigint {
    return this.memory.u64(this.#ring);
  }

  get produced(): bigint {
    return this.memory.u64(this.#ring + PAGE_SIZE);
  }

  query(what: bigint): bigint {
    switch (what) {
      case BigInt(BPF_RB.AVAIL_DATA):
        return this.produced - this.consumed;
      case BigInt(BPF_RB.RING_SIZE):
        return BigInt(this.definition.maxEntries);
      case BigInt(BPF_RB.CONS_POS):
        return this.consumed;
      case BigInt(BPF_RB.PROD_POS):
        return this.produced;
      default:
        return 0n;
    }
  }

  /** Discards what a program reserved and left so. */
  discardReserved(): void {
    const { shadow } = this.memory;
    const mask = this.definition.maxEntries - 1;
    for (let at = this.consumed; at < this.produced;) {
      const header = this.#ring + 2 * PAGE_SIZE + (Number(BigInt.asUintN(32, at)) & mask);
      const word = this.memory.u32(header);
      const size = word & ~(BPF_RINGBUF.BUSY_BIT | BPF_RINGBUF.DISCARD_BIT);
      at += BigInt(((size + 7) & ~7) + BPF_RINGBUF.HDR_SZ);
      if ((word & BPF_RINGBUF.BUSY_BIT) === 0) continue;
      this.memory.setU32(header, size | BPF_RINGBUF.DISCARD_BIT);
      shadow?.mark(header, BPF_RINGBUF.HDR_SZ, "nothing");
    }
  }

  override readable(): boolean {
    return this.consumed !== this.produced;
  }

  override region(): MapRegion {
    const size = 2 * PAGE_SIZE + 2 * this.definition.maxEntries;
    return { address: this.#ring, size, writable: [0, PAGE_SIZE] };
  }

  // ringbuf_map_*_elem
  override read(): number {
    return -ENOTSUPP;
  }

  override write(): number {
    return -ENOTSUPP;
  }

  protected override memoryUsed(): number {
    return HEADER_SIZE + 2 * PAGE_SIZE + this.definition.maxEntries;
  }

  protected override dispose(): void {
    this.memory.free(this.#start);
  }
}
