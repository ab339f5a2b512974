import {
  BPF_ANY,
  PERF_COUNT_SW,
  PERF_EVENT_IOC,
  PERF_RECORD,
  PERF_SAMPLE,
  PERF_TYPE,
  STRUCT,
} from "../uapi/index.ts";
import type { Fd, Kernel, MappedRegion } from "../kernel/index.ts";
import type { RecordArea, RecordHandler, RecordSource } from "./record-source.ts";

const PAGE = STRUCT.perf_event_mmap_page.fields;
/** struct perf_event_header: u32 type, u16 misc, u16 size. */
const HEADER_SIZE = 8;
/** PERF_SAMPLE_TIME: a u64 in front of the rest. */
const TIME_SIZE = 8;
/** PERF_SAMPLE_RAW: u32 size in front of the bytes. */
const RAW_SIZE = 4;
/** PERF_RECORD_LOST: u64 id, u64 lost. */
const LOST_OFFSET = HEADER_SIZE + 8;
/** A record's size is a u16. */
const MAX_RECORD = 65_536;

export interface PerfBufferOptions {
  /** CPUs, and the map's slots that their rings take; else each online CPU in its own slot. */
  readonly rings?: readonly { readonly cpu: number; readonly index: number }[];
  /** A u64 of nanoseconds (CLOCK_MONOTONIC's kin, perf's own) lies 12 bytes in front of each record. */
  readonly timestamps?: boolean;
}

/** Readers of one perf ring a CPU, behind a BPF_MAP_TYPE_PERF_EVENT_ARRAY map. */
export class PerfBuffer implements RecordSource {
  readonly #kernel: Kernel;
  readonly #rings: readonly PerfRing[];
  #next = 0;

  /** `pages` data pages for each online CPU: a power of two. */
  constructor(kernel: Kernel, map: Fd, pages: number, options: PerfBufferOptions = {}) {
    this.#kernel = kernel;
    const rings: PerfRing[] = [];
    this.#rings = rings;
    const places = options.rings ?? kernel.files.onlineCpus().map((cpu) => ({ cpu, index: cpu }));
    try {
      for (const { cpu, index } of places) {
        const ring = new PerfRing(kernel, cpu, pages, options.timestamps === true);
        rings.push(ring);
        kernel.bpf("MAP_UPDATE_ELEM", {
          map_fd: map,
          key: new Uint8Array(Uint32Array.of(index).buffer),
          value: new Uint8Array(Uint32Array.of(ring.fd).buffer),
          flags: BigInt(BPF_ANY),
        });
        kernel.ioctl(ring.fd, PERF_EVENT_IOC.ENABLE);
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get fds(): readonly Fd[] {
    return this.#rings.map((ring) => ring.fd);
  }

  get lost(): number {
    return this.#rings.reduce((sum, ring) => sum + ring.lost, 0);
  }

  /** Begins with another CPU each time, so that a busy one does not starve the rest. */
  drain(handle: RecordHandler, limit: number): number {
    let count = 0;
    const { length } = this.#rings;
    for (let index = 0; index < length && count < limit; index++)
      count += this.#rings[(this.#next + index) % length]!.drain(handle, limit - count);
    this.#next = (this.#next + 1) % length;
    return count;
  }

  [Symbol.dispose](): void {
    for (const ring of this.#rings) ring.close(this.#kernel);
  }
}

class PerfRing {
  readonly fd: Fd;
  lost = 0;
  readonly #region: MappedRegion;
  readonly #size: number;
  /** Where a sample says how long it is. */
  readonly #rawSize: number;
  readonly #head: BigUint64Array;
  readonly #tail: BigUint64Array;
  readonly #area: RecordArea;
  /** Records that wrap are put together here. */
  readonly #scratch: RecordArea = areaOf(new ArrayBuffer(MAX_RECORD), 0, MAX_RECORD);

  constructor(kernel: Kernel, cpu: number, pages: number, timestamps: boolean) {
    this.#size = pages * kernel.pageSize;
    this.#rawSize = HEADER_SIZE + (timestamps ? TIME_SIZE : 0);
    this.fd = kernel.perfEventOpen(
      {
        type: PERF_TYPE.SOFTWARE,
        config: PERF_COUNT_SW.BPF_OUTPUT,
        sample_type: PERF_SAMPLE.RAW | (timestamps ? PERF_SAMPLE.TIME : 0),
        sample_period: 1,
        wakeup_events: 1,
      },
      { pid: -1, cpu },
    );
    try {
      this.#region = kernel.mmap(this.fd, kernel.pageSize + this.#size, "readWrite");
    } catch (error) {
      kernel.close(this.fd);
      throw error;
    }
    const { buffer, byteOffset } = this.#region.bytes;
    this.#head = new BigUint64Array(buffer, byteOffset + PAGE.data_head.offset, 1);
    this.#tail = new BigUint64Array(buffer, byteOffset + PAGE.data_tail.offset, 1);
    this.#area = areaOf(buffer, byteOffset + kernel.pageSize, this.#size);
  }

  drain(handle: RecordHandler, limit: number): number {
    let count = 0;
    let position = Number(Atomics.load(this.#tail, 0));
    const head = Number(Atomics.load(this.#head, 0));
    let keepOn = true;
    while (position < head && count < limit && keepOn) {
      const offset = position % this.#size;
      const size = this.#area.view.getUint16(offset + 6, true);
      // Never sent by the kernel; a size of 0 would make this loop endless.
      if (size < HEADER_SIZE) break;
      const whole = offset + size <= this.#size;
      const area = whole ? this.#area : this.#unwrap(offset, size);
      const start = whole ? offset : 0;
      const type = area.view.getUint32(start, true);
      if (type === PERF_RECORD.LOST) this.lost += Number(area.view.getBigUint64(start + LOST_OFFSET, true));
      else if (type === PERF_RECORD.SAMPLE) {
        const raw = this.#rawSize + RAW_SIZE;
        const length = Math.min(area.view.getUint32(start + this.#rawSize, true), size - raw);
        keepOn = handle(area, start + raw, length) !== false;
        count++;
      }
      position += size;
    }
    Atomics.store(this.#tail, 0, BigInt(position));
    return count;
  }

  close(kernel: Kernel): void {
    this.#region[Symbol.dispose]();
    kernel.close(this.fd);
  }

  #unwrap(offset: number, size: number): RecordArea {
    const first = this.#size - offset;
    this.#area.bytes.copy(this.#scratch.bytes, 0, offset);
    this.#area.bytes.copy(this.#scratch.bytes, first, 0, size - first);
    return this.#scratch;
  }
}

function areaOf(buffer: ArrayBuffer, offset: number, length: number): RecordArea {
  return { bytes: Buffer.from(buffer, offset, length), view: new DataView(buffer, offset, length) };
}
