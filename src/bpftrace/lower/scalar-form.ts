import type { Predicate, Value } from "../../ir/index.ts";
import type { ComparisonOperator, TypedExpression } from "../typed.ts";
import { isInteger, sizeOf, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import { isWide } from "./value-form.ts";
import { fieldAddress } from "./place.ts";

export function integer(body: Body, value: bigint | number, type: Type): Value {
  return isWide(type) ? body.b.i64(value) : body.b.i32(value);
}

export function isSigned(type: Type): boolean {
  return isInteger(type) && type.kind !== "bool" && type.signed;
}

/** Shift counts may be of another size than what is shifted. */
export function sameWidth(body: Body, value: Value, like: Value): Value {
  const { b } = body;
  if ((value.type === "i32") === (like.type === "i32")) return value;
  return like.type === "i32" ? b.convert("trunc", value) : b.convert("zext32", value);
}

/** Brings a result of 32-bit arithmetic on a narrower type into its form. */
export function normal(body: Body, value: Value, type: Type): Value {
  const signed = isSigned(type);
  switch (sizeOf(type)) {
    case 1:
      return body.b.convert(signed ? "sext8" : "zext8", value);
    case 2:
      return body.b.convert(signed ? "sext16" : "zext16", value);
    default:
      return value;
  }
}

/** The value as a number that arithmetic is allowed on: the verifier refuses most of it on typed pointers. */
export function plain(body: Body, expression: TypedExpression): Value {
  const value = body.scalar(expression);
  return body.typed.has(value) || mayBeTyped(body, expression) ? untyped(body, value) : value;
}

function mayBeTyped(body: Body, expression: TypedExpression): boolean {
  if (expression.kind === "cast") return mayBeTyped(body, expression.operand);
  return expression.kind === "variable" && body.mayBeTyped.has(expression.variable);
}

/** Makes the verifier forget that a value is a pointer: a helper's copy of it is only a number. */
export function untyped(body: Body, value: Value): Value {
  const { b, code } = body;
  const from = body.temporary(8, 8, "pointer");
  b.store(8, from.base, value, { offset: from.offset });
  const to = body.temporary(8, 8, "number");
  code.helper("probe_read_kernel", fieldAddress(body, to), b.i32(8), fieldAddress(body, from));
  return b.load("i64", 8, to.base, { offset: to.offset });
}

const PREDICATES: Readonly<Record<ComparisonOperator, readonly [unsigned: Predicate, signed: Predicate]>> = {
  "==": ["eq", "eq"],
  "!=": ["ne", "ne"],
  "<": ["ult", "slt"],
  ">": ["ugt", "sgt"],
  "<=": ["ule", "sle"],
  ">=": ["uge", "sge"],
};

export function comparisonPredicate(operator: ComparisonOperator, type: Type): Predicate {
  const [unsigned, signed] = PREDICATES[operator];
  return isSigned(type) ? signed : unsigned;
}

/** To 64 bits, by the type's sign. */
export function extend(body: Body, value: Value, type: Type): Value {
  if (value.type !== "i32") return value;
  return body.b.convert(isSigned(type) ? "sext32" : "zext32", value);
}

/** From one type's form in a register to another's. */
export function resize(body: Body, value: Value, from: Type, to: Type): Value {
  const { b } = body;
  if (to.kind === "bool" && from.kind !== "bool") {
    const zero = value.type === "i32" ? b.i32(0) : b.i64(0);
    return b.compare("ne", value, zero);
  }
  if (isWide(to)) return extend(body, value, from);
  const low = value.type === "i32" ? value : b.convert("trunc", value);
  const keeps = sizeOf(from) < sizeOf(to) || (sizeOf(from) === sizeOf(to) && isSigned(from) === isSigned(to));
  return keeps && !(isSigned(from) && !isSigned(to)) ? low : normal(body, low, to);
}

/** Addresses that scripts handle are i64, wherever they come from: variables and phis have one type. */
export function asNumber(body: Body, value: Value): Value {
  return value.type === "ptr" ? body.b.add(body.b.i64(0), value) : value;
}
