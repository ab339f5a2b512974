import type { EventEntry, MemoryPiece, TaskChange } from "../recording/index.ts";
import { COMM_SIZE, HEAD, PIECE, PIECE_STATE } from "./layout.ts";

/** What the reader must know of a hook's records. */
export interface HookFormat {
  readonly contextSize: number;
  /** Tracepoints: the kernel puts an address in front, where the event's number was. */
  readonly tracepoint: boolean;
  /** Offsets of words that say where texts of any length lie in the context. */
  readonly located: readonly number[];
  /** Bytes of the context without those texts. */
  readonly fixedSize: number;
}

export interface DecodedRecord {
  readonly event: Omit<EventEntry, "time">;
  /** Of the monotonic clock. */
  readonly time: bigint;
  readonly change: TaskChange;
}

/**
 * Takes one record of the recorder's programs apart. Nothing in it is a view of the ring. Undefined for what is no
 * record of them.
 */
export function decodeRecord(
  area: { readonly bytes: Buffer; readonly view: DataView },
  start: number,
  length: number,
  formats: readonly HookFormat[],
): DecodedRecord | undefined {
  if (length < HEAD.size) return undefined;
  const { bytes, view } = area;
  const hook = view.getUint32(start + HEAD.hook, true);
  const format = formats[hook];
  const end = start + length;
  if (!format || HEAD.size + format.contextSize > length) return undefined;
  const pid = view.getUint32(start + HEAD.ids, true);
  const parent = view.getUint32(start + HEAD.parent, true);
  const startTime = view.getBigUint64(start + HEAD.startTime, true);
  const at = start + HEAD.size;
  const context = contextOf(Uint8Array.from(bytes.subarray(at, at + format.contextSize)), format, pid);
  const memory: MemoryPiece[] = [];
  for (let next = at + alignWord(format.contextSize); next + PIECE.size <= end;) {
    const address = view.getBigUint64(next + PIECE.address, true);
    const size = view.getUint32(next + PIECE.length, true);
    const held = view.getUint32(next + PIECE.state, true) === PIECE_STATE.held;
    const from = next + PIECE.size;
    if (held && from + size > end) break;
    if (held && size > 0)
      memory.push({ address, state: "held", bytes: Uint8Array.from(bytes.subarray(from, from + size)) });
    if (!held) memory.push({ address, state: "fault", bytes: new Uint8Array(8) });
    next = from + (held ? alignWord(size) : 0);
  }
  return {
    time: view.getBigUint64(start + HEAD.time, true),
    event: {
      kind: "event",
      hook,
      pid,
      cpu: view.getUint32(start + HEAD.cpu, true),
      context,
      memory,
      stack: [],
    },
    change: {
      tgid: view.getUint32(start + HEAD.ids + 4, true),
      uid: view.getUint32(start + HEAD.owner, true),
      gid: view.getUint32(start + HEAD.owner + 4, true),
      cgroupId: view.getBigUint64(start + HEAD.cgroup, true),
      comm: commOf(bytes, start + HEAD.comm),
      ...(parent !== 0 && { parent }),
      ...(startTime !== 0n && { startTime }),
    },
  };
}

/** The context as programs see it: without addresses of the kernel, and no longer than it is. */
function contextOf(context: Uint8Array, format: HookFormat, pid: number): Uint8Array {
  if (!format.tracepoint || context.length < 8) return context;
  const view = new DataView(context.buffer);
  // struct trace_entry: include/linux/trace_events.h
  view.setUint32(0, 0, true);
  view.setInt32(4, pid, true);
  let end = format.fixedSize;
  for (const offset of format.located) {
    const place = view.getUint32(offset, true);
    end = Math.max(end, (place & 0xffff) + (place >>> 16));
  }
  return context.subarray(0, Math.min(context.length, end));
}

function commOf(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString("utf8", at, end < 0 || end > at + COMM_SIZE ? at + COMM_SIZE : end);
}

function alignWord(size: number): number {
  return Math.ceil(size / 8) * 8;
}
