import { BPF_RINGBUF, ERRNO } from "../../../uapi/index.ts";
import { HEADER_SIZE } from "./layout.ts";
import { BpfMap, ENOTSUPP } from "./map.ts";
import type { MapDefinition, MapHost, MapRegion } from "./map.ts";

const PAGE_SIZE = 4096;

/** A record that user space sent. */
export interface UserSample {
  readonly address: number;
  readonly size: number;
  /** Where the consumer stands behind it. */
  readonly end: bigint;
}

/**
 * A ring that user space writes and programs drain (kernel/bpf/ringbuf.c). User space is hostile: positions
 * and lengths are checked here, not believed.
 */
export class UserRingBufferMap extends BpfMap {
  readonly #ring: number;
  draining = false;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#ring = this.memory.allocate(2 * PAGE_SIZE + 2 * definition.maxEntries, PAGE_SIZE);
    this.header("data", this.#ring);
  }

  /** The next sample; 0 if there is none, or an error (__bpf_user_ringbuf_peek). */
  nextSample(): UserSample | number {
    const { maxEntries } = this.definition;
    const produced = this.memory.u64(this.#ring + PAGE_SIZE);
    if (produced % 8n !== 0n) return -ERRNO.EINVAL;
    for (;;) {
      const consumed = this.memory.u64(this.#ring);
      if (consumed >= produced) return 0;
      const at = this.#ring + 2 * PAGE_SIZE + Number(consumed % BigInt(maxEntries));
      const header = this.memory.u32(at);
      if ((header & BPF_RINGBUF.BUSY_BIT) !== 0) return 0;
      const size = header & ~(BPF_RINGBUF.BUSY_BIT | BPF_RINGBUF.DISCARD_BIT);
      const total = BigInt(((size + 7) & ~7) + BPF_RINGBUF.HDR_SZ);
      if (total > produced - consumed || total > BigInt(maxEntries)) return -ERRNO.E2BIG;
      const sample = { address: at + BPF_RINGBUF.HDR_SZ, size, end: consumed + total };
      if ((header & BPF_RINGBUF.DISCARD_BIT) === 0) return sample;
      this.releaseSample(sample);
    }
  }

  releaseSample({ end }: UserSample): void {
    this.memory.setU64(this.#ring, end);
  }

  override region(): MapRegion {
    const size = 2 * PAGE_SIZE + 2 * this.definition.maxEntries;
    return { address: this.#ring, size, writable: [PAGE_SIZE, size] };
  }

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
    this.memory.free(this.#ring);
  }
}
