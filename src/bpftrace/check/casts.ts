import type { Expression } from "../ast.ts";
import { asInt, isCastable, sameType, typeName } from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import { type Type, isAggregate, sizeOf, uint64 } from "../types.ts";
import { cast, convert } from "./convert.ts";
import { broken, type Elaborator, fail, isBroken } from "./elaborator.ts";

export function castExpression(
  on: Elaborator,
  expression: Extract<Expression, { kind: "cast" }>,
): TypedExpression {
  const { span } = expression;
  const operand = on.expression(expression.operand);
  const type = on.type(expression.type);
  if (!type || isBroken(operand)) return broken(span);
  return { ...castTo(on, operand, type, expression), span };
}

function castTo(
  on: Elaborator,
  operand: TypedExpression,
  type: Type,
  expression: Extract<Expression, { kind: "cast" }>,
): TypedExpression {
  const from = operand.type;
  if (sameType(from, type) && from.kind !== "pointer") return operand;
  const refuse = (...hints: readonly string[]): TypedExpression =>
    fail(on, "bad-cast", `Cannot cast ${typeName(from)} to ${typeName(type)}`, expression.span, ...hints);
  switch (type.kind) {
    case "int":
    case "enum":
    case "bool":
      // What the script writes as a type is no longer a literal that takes any.
      if (operand.kind === "integer" && type.kind === "int")
        return { kind: "cast", operand: cast(operand, type), type, span: operand.span };
      return toNumber(operand, type) ?? refuse();
    case "pointer": {
      if (from.kind === "pointer") {
        // Still memory of the same kind.
        const space = from.space;
        return cast(operand, { ...type, space });
      }
      if (from.kind === "int" || from.kind === "enum")
        return cast(from.kind === "int" && from.size === 8 ? operand : convert(operand, uint64), type);
      if (from.kind === "array")
        return cast(
          {
            kind: "addressOf",
            operand,
            type: { kind: "pointer", target: from.element, space: from.space },
            span: operand.span,
          },
          type,
        );
      return refuse();
    }
    case "array":
      return toArray(operand, type) ?? refuse();
    case "string":
      if (from.kind === "string") return cast(operand, type);
      return refuse("Read a string with str(pointer).");
    case "record":
      if (from.kind === "int" || from.kind === "pointer")
        return refuse(`Cast to a pointer: (${typeName(type)} *)`);
      return refuse();
    default:
      return refuse();
  }
}

function toNumber(operand: TypedExpression, type: Type): TypedExpression | undefined {
  const from = operand.type;
  if (asInt(from) || from.kind === "pointer" || from.kind === "ksym" || from.kind === "timestamp")
    return cast(operand, type);
  if (isCastable(from) && isAggregate(from)) {
    const wide: Type = { kind: "int", size: 8, signed: "signed" in from && from.signed };
    return convert(cast(operand, wide), type);
  }
  if ((from.kind === "array" || from.kind === "string") && sizeOf(from) === sizeOf(type))
    return cast(operand, type);
  return undefined;
}

function toArray(
  operand: TypedExpression,
  type: Extract<Type, { kind: "array" }>,
): TypedExpression | undefined {
  const from = operand.type;
  const element = sizeOf(type.element);
  const size = sizeOf(from);
  if (!["int", "array", "string", "bool", "enum"].includes(from.kind) || element === 0) return undefined;
  const length = type.length === 0 ? size / element : type.length;
  const bytes = ([1, 2, 4, 8] as const).find((candidate) => candidate === element * length);
  if (bytes !== undefined && bytes !== size && operand.kind === "integer") {
    const wide: Type = { kind: "int", size: bytes, signed: true };
    return cast(cast(operand, wide), { ...type, length });
  }
  return element * length === size ? cast(operand, { ...type, length }) : undefined;
}
