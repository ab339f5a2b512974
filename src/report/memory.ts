import type { Integer } from "./value.ts";

export { memoryOf, type Memory } from "../util/index.ts";

const WORD = 0x1_0000_0000;
/** High words below this make numbers below 2^53. */
const SAFE_HIGH = 0x20_0000;

export function readUnsigned64(view: DataView, at: number): Integer {
  const high = view.getUint32(at + 4, true);
  return high < SAFE_HIGH ? high * WORD + view.getUint32(at, true) : view.getBigUint64(at, true);
}

export function readSigned64(view: DataView, at: number): Integer {
  const high = view.getInt32(at + 4, true);
  return high < SAFE_HIGH && high >= -SAFE_HIGH
    ? high * WORD + view.getUint32(at, true)
    : view.getBigInt64(at, true);
}

/** A bigint as a number where that loses nothing. */
export function narrow(value: bigint): Integer {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
}

/** Offset of the first NUL in [at, end), or `end`. */
export function stringEnd(bytes: Uint8Array, at: number, end: number): number {
  let stop = at;
  while (stop < end && bytes[stop] !== 0) stop++;
  return stop;
}
