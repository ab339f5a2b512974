import { sizeOf, type Type } from "./types.ts";

/** A bitfield is read as the aligned integer of its declared type that holds it. */
export function bitfieldPlace(
  bitOffset: number,
  width: number,
  type: Type,
): { readonly offset: number; readonly bits: { readonly offset: number; readonly width: number } } {
  const unit = Math.max(sizeOf(type), 1) * 8;
  const start = Math.floor(bitOffset / unit) * unit;
  return { offset: start / 8, bits: { offset: bitOffset - start, width } };
}
