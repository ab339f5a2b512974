import { sizeOf, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import type { Destination, Place } from "./memory.ts";
import { addressOf, readMemory, readString } from "./place.ts";

/** Strings up to this size are copied by words, longer ones by a helper that stops at the NUL. */
const WORDWISE = 32;

/**
 * Whether values of the type that are kept somewhere have their unused bytes cleared, so that copies of them are
 * still fit to be compared. Long strings are not: only keys and comparisons need that, and clear for themselves.
 */
export function isKeptClean(type: Type): boolean {
  return type.kind !== "string" || sizeOf(type) <= WORDWISE;
}

/** Copies a value from where it lies. */
export function copyValue(body: Body, from: Place, type: Type, to: Destination): void {
  const size = sizeOf(type);
  if (type.kind === "string") return copyString(body, from, size, to);
  if (from.space === "direct" && !from.nullable && size <= COPY_INLINE) {
    return copyWords(body, from, size, to);
  }
  readMemory(body, { ...from, nullable: false }, to, size);
}

/** Bytes up to which loads and stores are fewer instructions than a helper call. */
const COPY_INLINE = 32;

export function copyString(body: Body, from: Place, size: number, to: Destination): void {
  if (from.space === "direct" && !from.nullable && size <= WORDWISE) {
    return copyWords(body, from, size, to);
  }
  if (to.clean) clear(body, to, 0, size);
  readString(body, { ...from, nullable: false }, to, body.b.i32(size));
}

function copyWords(body: Body, from: Place, size: number, to: Destination): void {
  const align = Math.min(alignment(from.offset), alignment(to.offset));
  body.b.copy(to.base, from.base, size, align, { offset: to.offset, sourceOffset: from.offset });
}

/** Of an address that many bytes behind one that is a multiple of 8, as all memory of programs is. */
function alignment(offset: number): number {
  return offset % 8 === 0 ? 8 : offset % 4 === 0 ? 4 : offset % 2 === 0 ? 2 : 1;
}

/** Zeros from `from` bytes behind the destination on. */
export function clear(body: Body, to: Destination, from: number, size: number): void {
  const { b, code } = body;
  if (size <= 0) return;
  const offset = to.offset + from;
  if (size > CLEAR_INLINE) {
    // A read from address 0 fails at once, and what it should have filled is cleared.
    code.helper("probe_read_kernel", addressOf(body, { base: to.base, offset }), b.i32(size), b.i64(0));
    return;
  }
  b.fill(to.base, size, alignment(offset), { offset });
}

/** Bytes up to which stores are fewer instructions than a helper call. */
const CLEAR_INLINE = 48;
