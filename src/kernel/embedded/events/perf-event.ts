import { PERF_RECORD, PERF_SAMPLE, PERF_TYPE, STRUCT } from "../../../uapi/index.ts";
import type { ClockId, PerfEventAttr, PerfTarget } from "../../index.ts";
import { KernelObject, failure } from "../kernel-object.ts";
import type { BpfProgram } from "../programs/program.ts";
import type { Memory } from "../memory.ts";
import type { Attachments } from "./attachments.ts";
import type { Hook } from "./hook.ts";
import type { Attachment } from "./link.ts";
import type { EventSource } from "./source.ts";
import type { Task } from "./task.ts";

const PAGE = STRUCT.perf_event_mmap_page.fields;
const PAGE_SIZE = 4096;
/** struct perf_event_header: u32 type, u16 misc, u16 size. */
const HEADER_SIZE = 8;
/** Of a uprobe's config: as this kernel's format/ref_ctr_offset says. */
const COUNTER_SHIFT = 32n;
/** Of a lost record: header, u64 id, u64 lost. */
const LOST_SIZE = 24;
/** Types beyond the fixed ones: as this kernel's /sys/bus/event_source/devices says. */
export const PROBE_PMU = { kprobe: 8, uprobe: 9 } as const;

/** What a perf event needs of the kernel it belongs to. */
export interface PerfEventHost {
  readonly memory: Memory;
  readonly attachments: Attachments;
  readonly source: EventSource | undefined;
  cpu(): number;
  /** Of the program that runs now. */
  currentTask(): Pick<Task, "pid" | "tgid">;
  clock(id: ClockId): bigint;
  /** The ring got something to read. */
  wake(event: KernelObject): void;
}

/** A perf event: a hook for programs, or a ring that programs write to. */
export class PerfEvent extends KernelObject {
  readonly kind = "event";
  readonly attr: PerfEventAttr;
  readonly target: PerfTarget;
  readonly #host: PerfEventHost;
  #attachment: Attachment | undefined;
  #enabled: boolean;
  #ring: { readonly address: number; readonly size: number } | undefined;
  #lost = 0;

  constructor(host: PerfEventHost, attr: PerfEventAttr, target: PerfTarget) {
    super();
    this.#host = host;
    this.attr = attr;
    this.target = target;
    this.#enabled = attr.disabled !== 1;
  }

  /** Where programs that are attached to the event run. */
  hook(): Hook {
    const { type, config = 0, sample_period = 0, sample_freq = 0 } = this.attr;
    const { pid, cpu } = this.target;
    const wide = BigInt(config);
    if (type === PERF_TYPE.TRACEPOINT) {
      const found = this.#host.source?.tracepoint(Number(wide));
      if (!found) throw failure("ENOENT");
      return { kind: "tracepoint", ...found };
    }
    if (type === PROBE_PMU.uprobe) {
      const { uprobe_path: path = "", probe_offset: offset = 0 } = this.attr;
      const counter = wide >> COUNTER_SHIFT;
      return { kind: "uprobe", path, offset: BigInt(offset), return: (wide & 1n) === 1n, counter, pid };
    }
    if (type === PROBE_PMU.kprobe) {
      const { kprobe_func = "", probe_offset: offset = 0 } = this.attr;
      return { kind: "kprobe", function: kprobe_func, offset: BigInt(offset), return: (wide & 1n) === 1n };
    }
    const rate = { period: BigInt(sample_period), frequency: BigInt(sample_freq) };
    return { kind: "perf", type, config: wide, ...rate, pid, cpu };
  }

  /** PERF_EVENT_IOC_SET_BPF; without a link the event itself holds the program. */
  setProgram(program: BpfProgram): void {
    if (this.#attachment) throw failure("EEXIST");
    this.#attachment = this.#host.attachments.attach(program, this.hook());
  }

  enable(on: boolean): void {
    this.#enabled = on;
  }

  /** The ring's memory: one page of positions, then 2^n pages of records. */
  map(size: number): number {
    const pages = size / PAGE_SIZE - 1;
    if (pages <= 0 || !Number.isInteger(Math.log2(pages))) throw failure("EINVAL");
    const { memory } = this.#host;
    this.#ring ??= { address: memory.allocate(size, PAGE_SIZE), size: size - PAGE_SIZE };
    if (this.#ring.size !== size - PAGE_SIZE) throw failure("EINVAL");
    return this.#ring.address;
  }

  readable(): boolean {
    return this.#ring !== undefined && this.#position("data_head") !== this.#position("data_tail");
  }

  /**
   * Writes a sample with raw data, as bpf_perf_event_output does; false where it was lost.
   * Lost records are told in front of the next one that fits (kernel/events/ring_buffer.c).
   */
  output(data: Uint8Array): boolean {
    const ring = this.#ring;
    if (!ring || !this.#enabled) return false;
    const fields = this.#sampleFields();
    const rawAt = HEADER_SIZE + fields.byteLength;
    const raw = 4 + data.length;
    const size = rawAt + Math.ceil(raw / 8) * 8;
    const head = this.#position("data_head");
    const needed = size + (this.#lost > 0 ? LOST_SIZE : 0);
    if (head - this.#position("data_tail") + needed > ring.size || size > 0xffff) {
      this.#lost++;
      return false;
    }
    const record = new Uint8Array(needed);
    const view = new DataView(record.buffer);
    const at = needed - size;
    if (at > 0) {
      view.setUint32(0, PERF_RECORD.LOST, true);
      view.setUint16(6, LOST_SIZE, true);
      view.setBigUint64(16, BigInt(this.#lost), true);
      this.#lost = 0;
    }
    view.setUint32(at, PERF_RECORD.SAMPLE, true);
    view.setUint16(at + 6, size, true);
    // PERF_SAMPLE_RAW: u32 size in front of the bytes, which fill what alignment leaves.
    record.set(new Uint8Array(fields.buffer), at + HEADER_SIZE);
    view.setUint32(at + rawAt, size - rawAt - 4, true);
    record.set(data, at + rawAt + 4);
    this.#write(ring.address + PAGE_SIZE, ring.size, head, record);
    this.#host.memory.setU64(ring.address + PAGE.data_head.offset, BigInt(head + needed));
    this.#host.wake(this);
    return true;
  }

  protected free(): void {
    this.#attachment?.[Symbol.dispose]();
    if (this.#ring) this.#host.memory.free(this.#ring.address);
  }

  /** What a sample has in front of its raw data: a u64 each, in the order of perf_event_open(2). */
  #sampleFields(): BigUint64Array<ArrayBuffer> {
    const { sample_type: wanted = PERF_SAMPLE.RAW } = this.attr;
    const { pid, tgid } = this.#host.currentTask();
    const fields: readonly (readonly [bit: number, value: bigint])[] = [
      [PERF_SAMPLE.TID, (BigInt(pid) << 32n) | BigInt(tgid)],
      [PERF_SAMPLE.TIME, this.#host.clock("monotonic")],
      [PERF_SAMPLE.CPU, BigInt(this.#host.cpu())],
    ];
    return BigUint64Array.from(
      fields.filter(([bit]) => (Number(wanted) & bit) !== 0).map(([, value]) => value),
    );
  }

  #position(field: "data_head" | "data_tail"): number {
    return Number(this.#host.memory.u64(this.#ring!.address + PAGE[field].offset));
  }

  #write(area: number, size: number, position: number, record: Uint8Array): void {
    const start = position % size;
    const first = Math.min(record.length, size - start);
    this.#host.memory.bytes.set(record.subarray(0, first), area + start);
    this.#host.memory.bytes.set(record.subarray(first), area);
  }
}
