import { BPF_F, ERRNO } from "../../../uapi/index.ts";
import { PerfEvent } from "../events/perf-event.ts";
import { PerfEventArray } from "../maps/index.ts";
import type { World } from "../world.ts";
import { helper } from "./define.ts";
import { shownText } from "./btf-show.ts";
import type { HelperRow } from "./define.ts";
import { formatText } from "./format.ts";

const { EINVAL, E2BIG, ENOENT, ENOSPC } = ERRNO;
const CURRENT_CPU = 0xffffffffn;
/** Bytes of a context that skb and XDP programs add to what they send. */
const CONTEXT_SHIFT = 32n;

/** What programs tell the outside: text, and records of perf buffers. */
export function outputHelpers(world: World): HelperRow[] {
  const { memory } = world;
  const eventOf = (map: number, flags: bigint): PerfEvent | number => {
    const events = world.mapAt(map);
    if (!(events instanceof PerfEventArray)) return -EINVAL;
    const index = flags & BigInt(BPF_F.INDEX_MASK >>> 0);
    const slot = index === CURRENT_CPU ? world.cpu() : Number(index);
    if (slot >= events.definition.maxEntries) return -E2BIG;
    const event = events.at(slot);
    return event instanceof PerfEvent ? event : -ENOENT;
  };
  const print = (format: number, size: number, values: readonly bigint[]): number => {
    const text = formatText(memory, memory.slice(format, size), values);
    if (text === undefined) return -EINVAL;
    world.options.print(text.toString());
    return text.length;
  };
  /** With its NUL, cut if it does not fit. */
  const putText = (to: number, size: number, text: Uint8Array): void => {
    if (size === 0) return;
    const out = memory.slice(to, size);
    const kept = text.subarray(0, size - 1);
    out.set(kept);
    out[kept.length] = 0;
  };
  return [
    helper(
      "perf_event_output",
      ["address", "address", "wide", "address", "wide"],
      (_context, map, flags, data, size) => {
        const extra = Number((flags >> CONTEXT_SHIFT) & 0xfffffn);
        if ((flags & ~(BigInt(BPF_F.INDEX_MASK >>> 0) | BigInt(BPF_F.CTXLEN_MASK))) !== 0n) return -EINVAL;
        const event = eventOf(map, flags);
        if (typeof event === "number") return event;
        const bytes = memory.slice(data, Number(size));
        const packet = extra > 0 ? world.run?.packet?.packet.bytes().subarray(0, extra) : undefined;
        return event.output(packet ? Buffer.concat([bytes, packet]) : bytes) ? 0 : -ENOSPC;
      },
    ),
    helper("perf_event_read", ["address", "wide"], () => -ENOENT),
    helper("perf_event_read_value", ["address", "wide", "address", "number"], (_map, _flags, to, size) => {
      memory.slice(to, size).fill(0);
      return -ENOENT;
    }),
    helper("perf_prog_read_value", ["address", "address", "number"], (_context, to, size) => {
      memory.slice(to, size).fill(0);
      return size === 24 ? 0 : -EINVAL;
    }),
    helper("trace_printk", ["address", "number", "wide", "wide", "wide"], (format, size, a, b, c) =>
      print(format, size, [a, b, c]),
    ),
    helper("trace_vprintk", ["address", "number", "address", "number"], (format, size, data, length) =>
      print(
        format,
        size,
        Array.from({ length: length >>> 3 }, (_, index) => memory.u64(data + index * 8)),
      ),
    ),
    helper(
      "snprintf_btf",
      ["address", "number", "address", "number", "wide"],
      (to, size, pointer, pointerSize, flags) => {
        const text = shownText(world, pointer, pointerSize, flags);
        if (typeof text === "number") return text;
        putText(to, size, text);
        return text.length;
      },
    ),
    helper(
      "snprintf",
      ["address", "number", "address", "address", "number"],
      (to, size, format, data, length) => {
        if (length % 8 !== 0) return -EINVAL;
        const end = memory.bytes.indexOf(0, format);
        const values = Array.from({ length: length >>> 3 }, (_, index) => memory.u64(data + index * 8));
        const text = formatText(memory, memory.slice(format, end - format + 1), values);
        if (text === undefined) return -EINVAL;
        putText(to, size, text);
        return text.length + 1;
      },
    ),
  ];
}
