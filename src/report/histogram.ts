import { narrow } from "./memory.ts";
import type { Bucket, Histogram, Integer, Label } from "./value.ts";

const BAR_WIDTH = 52;
const DECADES = ["", "K", "M", "G", "T", "P", "E"] as const;
const KILO = 1024;
const MEGA = 1024 * 1024;

/**
 * The rows of hist(): slot 0 counts negative values; from slot 1 on each run of 2^bits slots covers one
 * power of two, the first two runs one value a slot.
 */
export function logHistogram(counts: readonly Integer[], bits: number, divisor = 1): Histogram {
  const label = (slot: number): Label => (slot <= 2 << bits ? slot : logLabel(slot, bits));
  const rows = shownRows(counts);
  return {
    kind: "histogram",
    buckets: rows.map((slot) => ({
      ...(slot > 0 && { low: label(slot - 1) }),
      high: label(slot),
      count: divide(counts[slot]!, divisor),
    })),
  };
}

/** The rows of lhist(): slot 0 counts what is below `min`, the last what is at or above `max`. */
export function linearHistogram(
  counts: readonly Integer[],
  { min, max, step }: { readonly min: number; readonly max: number; readonly step: number },
): Histogram {
  const label = (slot: number): Label => linearLabel(min + slot * step, step);
  return {
    kind: "histogram",
    buckets: shownRows(counts).map((slot) => ({
      ...(slot > 0 && { low: label(slot - 1) }),
      ...(min + slot * step <= max && { high: label(slot) }),
      count: counts[slot]!,
    })),
  };
}

/** Rows of a histogram as bpftrace draws them, each with its newline. */
export function histogramText({ buckets }: Histogram): string {
  const largest = buckets.reduce((most, { count }) => Math.max(most, Number(count)), 0);
  return buckets.map((bucket) => rowText(bucket, largest)).join("");
}

function rowText(bucket: Bucket, largest: number): string {
  // Single precision, as bpftrace computes it: it decides the last `@` of a bar.
  const share = largest === 0 ? 0 : Math.fround(Math.fround(Number(bucket.count)) / Math.fround(largest));
  const bar = "@".repeat(Math.trunc(Math.fround(share * BAR_WIDTH)));
  return `${range(bucket).padEnd(16)}${String(bucket.count).padStart(8)} |${bar.padEnd(BAR_WIDTH)}|\n`;
}

function range({ low, high }: Bucket): string {
  if (low === undefined) return `(..., ${labelText(high!)})`;
  if (high === undefined) return `[${labelText(low)}, ...)`;
  const single = typeof low !== "object" && typeof high !== "object" && BigInt(low) + 1n === BigInt(high);
  return single ? `[${labelText(low)}]` : `[${labelText(low)}, ${labelText(high)})`;
}

function labelText(label: Label): string {
  return typeof label === "object" ? label.text : String(label);
}

export function labelNumber(label: Label): Integer {
  return typeof label === "object" ? label.number : label;
}

/** Slots from the first to the last that counted something. */
function shownRows(counts: readonly Integer[]): number[] {
  const first = counts.findIndex((count) => count > 0);
  if (first < 0) return [];
  const last = counts.findLastIndex((count) => count > 0);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function logLabel(slot: number, bits: number): Label {
  const intervals = 1 << bits;
  const mantissa = intervals + (slot & (intervals - 1));
  const power = (slot >> bits) - 1;
  const decade = Math.floor(power / 10);
  const text = `${mantissa * 2 ** (power - 10 * decade)}${DECADES[decade] ?? ""}`;
  return { kind: "symbolic", text, number: narrow(BigInt(mantissa) << BigInt(power)) };
}

/** K and M only where every boundary can be written so. */
function linearLabel(value: number, step: number): Label {
  if (step % KILO !== 0) return value;
  const symbolic = (text: string): Label => ({ kind: "symbolic", text, number: value });
  if (value === 0 || value % KILO !== 0) return symbolic(String(value));
  return symbolic(value % MEGA === 0 ? `${value / MEGA}M` : `${value / KILO}K`);
}

function divide(count: Integer, divisor: number): Integer {
  if (divisor <= 1) return count;
  return narrow(BigInt(count) / BigInt(divisor));
}
