import { constant } from "../builder.ts";
import { significantBits } from "../known-bits.ts";
import { pair } from "../node.ts";
import type {
  BinaryOp,
  ConvertOp,
  Instruction,
  IrFunction,
  Predicate,
  UnaryOp,
  Value,
  ValueType,
} from "../node.ts";
import { isBinary, OPS, PREDICATES } from "../op-table.ts";
import { foldBinary, foldCompare, foldSame, foldUnary } from "./fold.ts";

/** Makes an instruction in front of the one at hand. */
export type Make = (fields: {
  readonly op: BinaryOp | UnaryOp | ConvertOp;
  readonly type: ValueType;
  readonly args: Value[];
}) => Value;

/** A value that is as good as the instruction and costs less, if there is one. */
export function simplify(fn: IrFunction, value: Instruction, make: Make): Value | undefined {
  if (isBinary(value.op)) return simplifyBinary(fn, value, value.op, make);
  switch (value.op) {
    case "compare":
      return simplifyCompare(fn, value);
    case "select":
      return simplifySelect(value);
    case "neg":
    case "bswap16":
    case "bswap32":
    case "bswap64":
    case "trunc":
    case "zext8":
    case "zext16":
    case "zext32":
    case "sext8":
    case "sext16":
    case "sext32":
      return simplifyUnary(fn, value, value.op);
    default:
      return undefined;
  }
}

function widthOf(value: Value): 32 | 64 {
  return value.type === "i32" ? 32 : 64;
}

function simplifyBinary(fn: IrFunction, value: Instruction, op: BinaryOp, make: Make): Value | undefined {
  let [left, right] = pair(value.args);
  const width = widthOf(value);
  const type = value.type === "i32" ? "i32" : "i64";
  if (OPS[op].commutes === true && left.op === "const" && right.op !== "const") {
    [left, right] = [right, left];
    value.args = [left, right];
  }
  if (left.op === "const" && right.op === "const") {
    return constant(fn, value.type === "ptr" ? "ptr" : type, foldBinary(op, left.value, right.value, width));
  }
  if (left === right) {
    if (op === "sub" || op === "xor") return constant(fn, type, 0n);
    if (op === "and" || op === "or") return left;
  }
  if (op === "sub" && left.op === "const" && left.value === 0n) {
    return make({ op: "neg", type, args: [right] });
  }
  if (right.op !== "const") return undefined;
  const number = right.value;
  if (op === "sub") {
    return make({ op: "add", type: asValueType(value), args: [left, constant(fn, type, -number)] });
  }
  const identity = withConstant(fn, op, left, number, width, type, make);
  if (identity !== undefined) return identity;
  // (x op c) op d
  if (left.op === op && left.args[1]?.op === "const") {
    const inner = left.args[1].value;
    const [first] = pair(left.args);
    const args = (folded: bigint): Value[] => [first, constant(fn, type, folded)];
    if (op === "add" || op === "and" || op === "or" || op === "xor" || op === "mul") {
      return make({ op, type: asValueType(value), args: args(foldBinary(op, inner, number, width)) });
    }
    const sum = (inner & BigInt(width - 1)) + (number & BigInt(width - 1));
    if ((op === "shl" || op === "lshr") && sum < BigInt(width)) return make({ op, type, args: args(sum) });
  }
  return undefined;
}

function asValueType(value: Value): ValueType {
  return value.type === "void" ? "i64" : value.type;
}

function withConstant(
  fn: IrFunction,
  op: BinaryOp,
  left: Value,
  number: bigint,
  width: 32 | 64,
  type: "i32" | "i64",
  make: Make,
): Value | undefined {
  const power = powerOfTwo(BigInt.asUintN(width, number));
  switch (op) {
    case "add":
    case "or":
    case "xor":
      if (number === 0n) return left;
      if (op === "xor" && number === 1n && left.op === "compare") return undefined;
      return op === "or" && number === -1n ? constant(fn, type, -1n) : undefined;
    case "and":
      if (number === 0n) return constant(fn, type, 0n);
      if (number === -1n || coversAll(left, BigInt.asUintN(width, number))) return left;
      return undefined;
    case "shl":
    case "lshr":
    case "ashr":
      if ((number & BigInt(width - 1)) === 0n) return left;
      if (op === "lshr" && significantBits(left) <= Number(number & BigInt(width - 1))) {
        return constant(fn, type, 0n);
      }
      return undefined;
    case "mul":
      if (number === 0n) return constant(fn, type, 0n);
      if (number === 1n) return left;
      if (power === undefined) return undefined;
      return make({ op: "shl", type, args: [left, constant(fn, type, power)] });
    case "udiv":
      if (number === 0n) return constant(fn, type, 0n);
      if (number === 1n) return left;
      if (power === undefined) return undefined;
      return make({ op: "lshr", type, args: [left, constant(fn, type, power)] });
    case "umod":
      if (number === 0n) return left;
      if (power === undefined) return undefined;
      return make({ op: "and", type, args: [left, constant(fn, type, number - 1n)] });
    case "sdiv":
      if (number === 0n) return constant(fn, type, 0n);
      if (number === 1n) return left;
      if (power === undefined || number < 0n) {
        return number === -1n ? make({ op: "neg", type, args: [left] }) : undefined;
      }
      return shiftedDivision(fn, left, power, width, type, make);
    case "smod":
      if (number === 0n) return left;
      if (number === 1n || number === -1n) return constant(fn, type, 0n);
      return undefined;
    case "sub":
      return undefined;
  }
}

/** Rounds towards zero: negative numbers get divisor - 1 added before the shift. */
function shiftedDivision(
  fn: IrFunction,
  left: Value,
  power: bigint,
  width: number,
  type: "i32" | "i64",
  make: Make,
): Value {
  const number = (value: bigint): Value => constant(fn, type, value);
  const shift = (op: BinaryOp, value: Value, count: bigint): Value =>
    make({ op, type, args: [value, number(count)] });
  if (significantBits(left) < width) return shift("lshr", left, power);
  const sign = shift("ashr", left, BigInt(width - 1));
  const bias = shift("lshr", sign, BigInt(width) - power);
  return shift("ashr", make({ op: "add", type, args: [left, bias] }), power);
}

function powerOfTwo(value: bigint): bigint | undefined {
  if (value <= 0n || (value & (value - 1n)) !== 0n) return undefined;
  return BigInt(value.toString(2).length - 1);
}

/** Whether a mask leaves every bit that the value can have. */
function coversAll(value: Value, mask: bigint): boolean {
  const bits = (1n << BigInt(significantBits(value))) - 1n;
  return (mask & bits) === bits;
}

function simplifyUnary(fn: IrFunction, value: Instruction, op: UnaryOp | ConvertOp): Value | undefined {
  const argument = value.args[0]!;
  if (argument.op === "const") {
    return constant(fn, asValueType(value), foldUnary(op, argument.value, widthOf(argument)));
  }
  switch (op) {
    case "neg":
    case "bswap64":
      return argument.op === op ? argument.args[0] : undefined;
    case "trunc":
      if (argument.op === "zext32" || argument.op === "sext32") return argument.args[0];
      return undefined;
    case "zext8":
      return significantBits(argument) <= 8 ? argument : undefined;
    case "zext16":
      return significantBits(argument) <= 16 ? argument : undefined;
    case "zext32":
      // The upper half of what was truncated is zero already.
      if (argument.op === "trunc" && argument.args[0]!.type === "i64") {
        return significantBits(argument.args[0]!) <= 32 ? argument.args[0] : undefined;
      }
      return undefined;
    case "sext8":
      return significantBits(argument) < 8 || argument.op === "sext8" ? argument : undefined;
    case "sext16":
      if (argument.op === "sext8" || argument.op === "sext16") return argument;
      return significantBits(argument) < 16 ? argument : undefined;
    default:
      return undefined;
  }
}

function simplifyCompare(
  fn: IrFunction,
  value: Extract<Instruction, { readonly op: "compare" }>,
): Value | undefined {
  const [left, right] = pair(value.args);
  const answer = decideCompare(value.predicate, left, right);
  if (answer !== undefined) return constant(fn, "i32", answer ? 1n : 0n);
  // Whether a comparison holds is what it says itself.
  if (left.op === "compare" && right.op === "const" && right.value === 0n && value.predicate === "ne")
    return left;
  return undefined;
}

/** The answer of a comparison, where it is the same for all that the values may be. */
export function decideCompare(predicate: Predicate, left: Value, right: Value): boolean | undefined {
  if (left.op === "const" && right.op === "const") return foldCompare(predicate, left.value, right.value);
  if (left === right) return foldSame(predicate);
  if (right.op === "const" && right.value === 0n) {
    if (predicate === "ult" || predicate === "set") return false;
    if (predicate === "uge" || predicate === "clear") return true;
    if (left.op === "alloca" && (predicate === "eq" || predicate === "ne")) return predicate === "ne";
  }
  return undefined;
}

/** The comparison that a branch really makes: constants right, `(a < b) != 0` as `a < b`, masks as `set`. */
export function canonicalCompare(
  predicate: Predicate,
  args: readonly Value[],
): { predicate: Predicate; args: Value[] } {
  let [left, right] = pair(args);
  if (left.op === "const" && right.op !== "const") {
    [left, right] = [right, left];
    predicate = PREDICATES[predicate].swapped;
  }
  if ((predicate === "ne" || predicate === "eq") && right.op === "const" && right.value === 0n) {
    const holds = predicate === "ne";
    if (left.op === "compare") {
      const inner = holds ? left.predicate : PREDICATES[left.predicate].not;
      return canonicalCompare(inner, left.args);
    }
    if (left.op === "xor" && left.args[1]?.op === "const" && left.args[1].value === 1n) {
      const inner = left.args[0]!;
      if (inner.op === "compare") {
        return canonicalCompare(holds ? PREDICATES[inner.predicate].not : inner.predicate, inner.args);
      }
    }
    if (left.op === "zext32") {
      const inner = left.args[0]!;
      if (inner.op === "compare")
        return canonicalCompare(holds ? inner.predicate : PREDICATES[inner.predicate].not, inner.args);
    }
    if (left.op === "and") return { predicate: holds ? "set" : "clear", args: [...left.args] };
  }
  return { predicate, args: [left, right] };
}

function simplifySelect(value: Instruction): Value | undefined {
  const [condition, whenTrue, whenFalse] = value.args;
  if (whenTrue === whenFalse) return whenTrue;
  if (condition!.op === "const") return condition!.value === 0n ? whenFalse : whenTrue;
  if (condition!.op === "compare" && value.type === "i32") {
    const isOne = whenTrue!.op === "const" && whenTrue!.value === 1n;
    if (isOne && whenFalse!.op === "const" && whenFalse!.value === 0n) return condition;
  }
  return undefined;
}
