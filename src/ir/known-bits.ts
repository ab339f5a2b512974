import type { Value } from "./node.ts";

/** How far the search follows arguments. */
const DEPTH = 4;

/**
 * A number of low bits outside of which the value's register is certainly zero. It knows no more than the
 * verifier does (nothing about quotients and remainders), so that a mask found needless is so for both.
 */
export function significantBits(value: Value, depth: number = DEPTH): number {
  const width = value.type === "i32" ? 32 : 64;
  const of = (index: number): number => significantBits(value.args[index]!, depth - 1);
  switch (value.op) {
    case "const":
      return BigInt.asUintN(width, value.value).toString(2).length;
    case "compare":
      return 1;
    case "load":
      return value.signed && value.width * 8 < width ? width : Math.min(width, value.width * 8);
    case "zext8":
      return 8;
    case "zext16":
    case "bswap16":
      return 16;
    case "zext32":
    case "bswap32":
      return 32;
    default:
  }
  if (depth === 0) return width;
  switch (value.op) {
    case "trunc":
      return Math.min(32, of(0));
    case "and":
      return Math.min(of(0), of(1));
    case "or":
    case "xor":
      return Math.max(of(0), of(1));
    case "select":
      return Math.max(of(1), of(2));
    case "lshr": {
      const count = value.args[1]!;
      return count.op === "const" ? Math.max(1, of(0) - (Number(count.value) & (width - 1))) : of(0);
    }
    case "shl": {
      const count = value.args[1]!;
      return count.op === "const" ? Math.min(width, of(0) + (Number(count.value) & (width - 1))) : width;
    }
    case "add":
      return Math.min(width, Math.max(of(0), of(1)) + 1);
    default:
      return width;
  }
}
