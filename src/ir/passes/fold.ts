import type { BinaryOp, ConvertOp, Predicate, UnaryOp } from "../node.ts";

/** Operands and results are signed numbers of the width, as constants are kept. */
export function foldBinary(op: BinaryOp, left: bigint, right: bigint, width: 32 | 64): bigint {
  const unsigned = (value: bigint): bigint => BigInt.asUintN(width, value);
  const count = right & BigInt(width - 1);
  switch (op) {
    case "add":
      return BigInt.asIntN(width, left + right);
    case "sub":
      return BigInt.asIntN(width, left - right);
    case "mul":
      return BigInt.asIntN(width, left * right);
    case "udiv":
      return right === 0n ? 0n : BigInt.asIntN(width, unsigned(left) / unsigned(right));
    case "umod":
      return right === 0n ? left : BigInt.asIntN(width, unsigned(left) % unsigned(right));
    case "sdiv":
      return right === 0n ? 0n : BigInt.asIntN(width, left / right);
    case "smod":
      return right === 0n ? left : left % right;
    case "and":
      return left & right;
    case "or":
      return left | right;
    case "xor":
      return left ^ right;
    case "shl":
      return BigInt.asIntN(width, left << count);
    case "lshr":
      return BigInt.asIntN(width, unsigned(left) >> count);
    case "ashr":
      return left >> count;
  }
}

/** `width` is the operand's. */
export function foldUnary(op: UnaryOp | ConvertOp, value: bigint, width: 32 | 64): bigint {
  switch (op) {
    case "neg":
      return BigInt.asIntN(width, -value);
    case "bswap16":
      return swapBytes(value, 2);
    case "bswap32":
      return BigInt.asIntN(width, swapBytes(value, 4));
    case "bswap64":
      return BigInt.asIntN(64, swapBytes(value, 8));
    case "trunc":
      return BigInt.asIntN(32, value);
    case "zext32":
      return BigInt.asUintN(32, value);
    case "sext32":
      return value;
    case "zext8":
      return BigInt.asUintN(8, value);
    case "zext16":
      return BigInt.asUintN(16, value);
    case "sext8":
      return BigInt.asIntN(8, value);
    case "sext16":
      return BigInt.asIntN(16, value);
  }
}

function swapBytes(value: bigint, bytes: number): bigint {
  let result = 0n;
  for (let index = 0; index < bytes; index++) {
    result = (result << 8n) | ((value >> BigInt(8 * index)) & 0xffn);
  }
  return result;
}

export function foldCompare(predicate: Predicate, left: bigint, right: bigint): boolean {
  // Two's complement keeps the unsigned order within one sign, and puts negative numbers on top.
  const below = left < 0n === right < 0n ? left < right : right < 0n;
  switch (predicate) {
    case "eq":
      return left === right;
    case "ne":
      return left !== right;
    case "ult":
      return below;
    case "ule":
      return below || left === right;
    case "ugt":
      return !below && left !== right;
    case "uge":
      return !below;
    case "slt":
      return left < right;
    case "sle":
      return left <= right;
    case "sgt":
      return left > right;
    case "sge":
      return left >= right;
    case "set":
      return (left & right) !== 0n;
    case "clear":
      return (left & right) === 0n;
  }
}

/** What a comparison of a value with itself gives; undefined where that depends on the value. */
export function foldSame(predicate: Predicate): boolean | undefined {
  switch (predicate) {
    case "eq":
    case "ule":
    case "uge":
    case "sle":
    case "sge":
      return true;
    case "ne":
    case "ult":
    case "ugt":
    case "slt":
    case "sgt":
      return false;
    case "set":
    case "clear":
      return undefined;
  }
}
