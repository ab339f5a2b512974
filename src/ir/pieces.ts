import type { Value, Width } from "./node.ts";

/** What an address is surely a multiple of: slots say it, map values and ring records are aligned to 8. */
export function alignmentOf(base: Value): number {
  if (base.op === "alloca") return base.align;
  if (base.op === "call") return base.type === "ptr" && base.callee.kind === "helper" ? 8 : 1;
  return base.op === "mapValue" ? 8 : 1;
}

/** Alignment of the bytes from `base + offset` on, where the first is known to be aligned to `align`. */
export function alignmentFrom(base: Value, offset: number, align: number): (at: number) => number {
  const known = alignmentOf(base);
  return (at) => Math.max(Math.min(align, powerIn(at)), Math.min(known, powerIn(offset + at)));
}

/** The largest power of two, at most 8, that divides a number. */
function powerIn(number: number): number {
  return number % 8 === 0 ? 8 : number % 4 === 0 ? 4 : number % 2 === 0 ? 2 : 1;
}

/** The widest aligned accesses that cover `size` bytes, in order. */
export function* pieces(
  size: number,
  alignment: (at: number) => number,
): Generator<{ readonly at: number; readonly width: Width }> {
  for (let at = 0; at < size;) {
    const most = Math.min(size - at, alignment(at));
    const width = most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
    yield { at, width };
    at += width;
  }
}
