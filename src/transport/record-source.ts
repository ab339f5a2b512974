import type { Fd } from "../kernel/index.ts";

/** Memory that records lie in, twice: `bytes` for texts, `view` for numbers. */
export interface RecordArea {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/**
 * Takes one record: `length` bytes at `offset` of `area`, which are the kernel's own memory and valid only
 * until the handler returns. Offsets need not be aligned. False ends the draining after this record.
 */
export type RecordHandler = (area: RecordArea, offset: number, length: number) => boolean | void;

/** Where programs' records arrive: a ring buffer, or one perf buffer a CPU. */
export interface RecordSource extends Disposable {
  /** Become readable when records wait. */
  readonly fds: readonly Fd[];
  /** Records that the kernel says it dropped (perf buffers); a ring buffer leaves counting to programs. */
  readonly lost: number;
  /** Hands over the records that wait, at most `limit`; returns how many. */
  drain(handle: RecordHandler, limit: number): number;
}
