import {
  asInt,
  commonInt,
  commonType,
  fits,
  isCastable,
  literalType,
  sameType,
  typeName,
} from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import { int64, type IntType, isAggregate, type Type, uint64 } from "../types.ts";
import { type Elaborator, fail, isBroken } from "./elaborator.ts";

export function isLiteral(expression: TypedExpression): expression is TypedExpression & { kind: "integer" } {
  return expression.kind === "integer" && expression.type.kind === "int";
}

/** The same value as another type; both are known to go together. */
export function cast(operand: TypedExpression, type: Type): TypedExpression {
  if (operand.kind === "integer" && type.kind === "int")
    return { ...operand, value: wrap(operand.value, type), type };
  if (operand.kind === "integer" && type.kind === "bool")
    return { ...operand, value: operand.value === 0n ? 0n : 1n, type };
  if (operand.kind === "integer" && (type.kind === "pointer" || type.kind === "enum"))
    return { ...operand, type };
  return { kind: "cast", operand, type, span: operand.span };
}

export function wrap(value: bigint, type: IntType): bigint {
  return type.signed ? BigInt.asIntN(type.size * 8, value) : BigInt.asUintN(type.size * 8, value);
}

/** As `type` wherever that happens by itself: widths of ints, strings, tuples. */
export function convert(expression: TypedExpression, type: Type): TypedExpression {
  if (isBroken(expression) || sameType(expression.type, type)) return expression;
  return cast(inOrder(expression, type), type);
}

/** A record's fields in the order of another record type that has the same names. */
function inOrder(expression: TypedExpression, type: Type): TypedExpression {
  const from = expression.type;
  if (from.kind !== "tuple" || type.kind !== "tuple") return expression;
  if (type.fields.every(({ name }, index) => name === from.fields[index]?.name)) return expression;
  const places = type.fields.map(({ name }) => from.fields.findIndex((field) => field.name === name));
  const { span } = expression;
  const elements = places.map((index): TypedExpression =>
    expression.kind === "tuple"
      ? expression.elements[index]!
      : { kind: "tupleField", operand: expression, index, type: from.fields[index]!.type, span },
  );
  return {
    kind: "tuple",
    elements,
    type: { kind: "tuple", fields: places.map((index) => from.fields[index]!) },
    span,
  };
}

/** Counters are read as numbers where a number is asked for. */
export function value(expression: TypedExpression): TypedExpression {
  if (!isCastable(expression.type) || !isAggregate(expression.type)) return expression;
  const signed = "signed" in expression.type && expression.type.signed;
  return cast(expression, signed ? int64 : uint64);
}

/** A number; something else is reported as unfit for `what`. */
export function number(on: Elaborator, expression: TypedExpression, what: string): TypedExpression {
  const read = value(expression);
  const { type } = read;
  if (isBroken(read) || type.kind === "int") return read;
  const int = asInt(type);
  if (int) return cast(read, int);
  if (type.kind === "pointer") return cast(read, uint64);
  return fail(on, "type-mismatch", `${what} needs a number, but this is ${typeName(type)}`, expression.span);
}

/** What an int expression may be taken as: literals adapt to the other side. */
export function commonNumber(left: TypedExpression, right: TypedExpression): IntType {
  const a = asInt(left.type) ?? int64;
  const b = asInt(right.type) ?? int64;
  if (isLiteral(left) && isLiteral(right))
    return commonInt(literalType(left.value), literalType(right.value));
  if (isLiteral(right)) return fits(right.value, a) ? a : commonInt(a, literalType(right.value));
  if (isLiteral(left)) return fits(left.value, b) ? b : commonInt(b, literalType(left.value));
  return commonInt(a, b);
}

/** True or false: what `if`, `&&` and predicates take. */
export function condition(on: Elaborator, expression: TypedExpression): TypedExpression {
  const read = value(expression);
  if (isBroken(read)) return read;
  const { type } = read;
  if (["int", "bool", "enum", "pointer", "string"].includes(type.kind)) return read;
  if (type.kind === "ksym" || type.kind === "usym" || type.kind === "username") return read;
  return fail(on, "type-mismatch", `A condition cannot be of type ${typeName(type)}`, expression.span);
}

/** Both sides as their common type; undefined when there is none. */
export function unify(
  left: TypedExpression,
  right: TypedExpression,
): readonly [TypedExpression, TypedExpression] | undefined {
  const type =
    asInt(left.type) && asInt(right.type) && !sameType(left.type, right.type)
      ? commonNumber(left, right)
      : commonType(left.type, right.type);
  return type && [convert(left, type), convert(right, type)];
}
