import type { Span } from "../../diagnostic.ts";
import type { BinaryOperator, Expression } from "../ast.ts";
import { isScalarType, literalType, sameType, typeName } from "../type-relations.ts";
import type { ArithmeticOperator, ComparisonOperator, TypedExpression } from "../typed.ts";
import { bool, int64, type IntType, sizeOf, uint64 } from "../types.ts";
import { commonNumber, condition, convert, isLiteral, number, unify, value, wrap, cast } from "./convert.ts";
import { broken, type Elaborator, fail, integer, isBroken, truth } from "./elaborator.ts";

type Of<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">="]);

export function binary(on: Elaborator, expression: Of<"binary">): TypedExpression {
  const left = on.expression(expression.left);
  const right = on.expression(expression.right);
  return combine(on, expression.operator, left, right, expression.span);
}

/** Also for compound assignments. */
export function combine(
  on: Elaborator,
  operator: BinaryOperator,
  left: TypedExpression,
  right: TypedExpression,
  span: Span,
): TypedExpression {
  if (operator === "&&" || operator === "||") return logical(on, operator, left, right, span);
  if (isBroken(left) || isBroken(right)) return broken(span);
  if (isComparison(operator)) return compare(on, operator, value(left), value(right), span);
  if (operator === "+" && left.kind === "string" && isLiteral(right))
    return skip(on, left, right.value, span);
  if (left.type.kind === "pointer" || right.type.kind === "pointer")
    return pointerArithmetic(on, operator, left, right, span);
  return arithmetic(
    on,
    operator,
    number(on, left, `'${operator}'`),
    number(on, right, `'${operator}'`),
    span,
  );
}

function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return comparisons.has(operator);
}

/** `str($1 + 2)` */
function skip(
  on: Elaborator,
  text: TypedExpression & { kind: "string" },
  count: bigint,
  span: Span,
): TypedExpression {
  if (count < 0n || count > BigInt(text.value.length))
    return fail(on, "bad-offset", `The text has ${text.value.length} characters only`, span);
  const rest = text.value.slice(Number(count));
  return { kind: "string", value: rest, type: { kind: "string", size: Buffer.byteLength(rest) + 1 }, span };
}

function logical(
  on: Elaborator,
  operator: "&&" | "||",
  first: TypedExpression,
  second: TypedExpression,
  span: Span,
): TypedExpression {
  const left = condition(on, first);
  const right = condition(on, second);
  if (isBroken(left) || isBroken(right)) return broken(span);
  const known = constantTruth(left);
  if (known !== undefined) {
    if (known === (operator === "||")) return truth(known, span);
    const other = constantTruth(right);
    if (other !== undefined) return truth(other, span);
  }
  return { kind: "logical", operator, left, right, type: bool, span };
}

export function constantTruth(expression: TypedExpression): boolean | undefined {
  if (expression.kind === "integer") return expression.value !== 0n;
  return expression.kind === "string" ? expression.value !== "" : undefined;
}

function compare(
  on: Elaborator,
  operator: ComparisonOperator,
  left: TypedExpression,
  right: TypedExpression,
  span: Span,
): TypedExpression {
  const mismatch = (): TypedExpression =>
    fail(on, "type-mismatch", `Cannot compare ${typeName(left.type)} with ${typeName(right.type)}`, span);
  if (left.kind === "integer" && right.kind === "integer")
    return truth(holds(operator, left.value, right.value), span);
  if (left.kind === "string" && right.kind === "string" && (operator === "==" || operator === "!="))
    return truth((left.value === right.value) === (operator === "=="), span);
  if (left.type.kind === "string" && right.type.kind === "string") {
    if (operator !== "==" && operator !== "!=")
      return fail(
        on,
        "type-mismatch",
        `Strings can be compared with == and != only, not with ${operator}`,
        span,
      );
    return { kind: "comparison", operator, left, right, type: bool, span };
  }
  if (left.type.kind === "array" || right.type.kind === "array")
    return compareArrays(on, operator, left, right, span);
  const sides = unify(left, right);
  if (!sides) return mismatch();
  const ordered = isScalarType(sides[0].type);
  if (!ordered && operator !== "==" && operator !== "!=") return mismatch();
  if (
    !ordered &&
    !["tuple", "buffer", "ksym", "inet", "mac", "username", "record"].includes(sides[0].type.kind)
  )
    return mismatch();
  return { kind: "comparison", operator, left: sides[0], right: sides[1], type: bool, span };
}

/** Arrays with arrays, or with an int of the same size. */
function compareArrays(
  on: Elaborator,
  operator: ComparisonOperator,
  left: TypedExpression,
  right: TypedExpression,
  span: Span,
): TypedExpression {
  const equality = operator === "==" || operator === "!=";
  if (equality && sizeOf(left.type) === sizeOf(right.type)) {
    if (left.type.kind === "array" && right.type.kind === "array")
      return { kind: "comparison", operator, left, right, type: bool, span };
    if (left.type.kind === "int") return compare(on, operator, left, cast(right, left.type), span);
    if (right.type.kind === "int") return compare(on, operator, cast(left, right.type), right, span);
  }
  const names = `${typeName(left.type)} with ${typeName(right.type)}`;
  return fail(on, "type-mismatch", `Cannot compare ${names} by ${operator}`, span);
}

function holds(operator: ComparisonOperator, left: bigint, right: bigint): boolean {
  switch (operator) {
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case ">":
      return left > right;
    case "<=":
      return left <= right;
    case ">=":
      return left >= right;
  }
}

function pointerArithmetic(
  on: Elaborator,
  operator: BinaryOperator,
  left: TypedExpression,
  right: TypedExpression,
  span: Span,
): TypedExpression {
  const [pointer, index] = left.type.kind === "pointer" ? [left, right] : [right, left];
  const bothPointers = index.type.kind === "pointer";
  const fits = operator === "+" || (operator === "-" && left.type.kind === "pointer");
  if (bothPointers || !fits) {
    const sides = [left, right].map((side) => number(on, side, `'${operator}'`));
    return arithmetic(on, operator, sides[0]!, sides[1]!, span);
  }
  const count = number(on, index, "A pointer's offset");
  if (isBroken(count) || pointer.type.kind !== "pointer") return broken(span);
  const scale = Math.max(sizeOf(pointer.type.target), 1);
  return {
    kind: "pointerOffset",
    pointer,
    index: count,
    scale,
    negative: operator === "-",
    type: pointer.type,
    span,
  };
}

function arithmetic(
  on: Elaborator,
  operator: BinaryOperator,
  left: TypedExpression,
  right: TypedExpression,
  span: Span,
): TypedExpression {
  if (isBroken(left) || isBroken(right) || !isArithmetic(operator)) return broken(span);
  if (isLiteral(left) && isLiteral(right))
    return foldLiterals(on, operator, left.value, right.value, commonNumber(left, right), span);
  const type = resultType(operator, left, right);
  return { kind: "arithmetic", operator, left: convert(left, type), right: convert(right, type), type, span };
}

function isArithmetic(operator: BinaryOperator): operator is ArithmeticOperator {
  return ["+", "-", "*", "/", "%", "|", "^", "&", "<<", ">>"].includes(operator);
}

/** Differences are signed; shifts are done in 64 bits, so that nothing is lost. */
function resultType(operator: ArithmeticOperator, left: TypedExpression, right: TypedExpression): IntType {
  if (operator === "-") return int64;
  if (operator === "<<" || operator === ">>") {
    const signed = left.type.kind === "int" && left.type.signed;
    return signed ? int64 : uint64;
  }
  const common = commonNumber(left, right);
  if (operator !== "+" && operator !== "*") return common;
  // Sums and products of narrow numbers would overflow unseen.
  return common.size === 8 ? common : { kind: "int", size: 8, signed: common.signed };
}

function foldLiterals(
  on: Elaborator,
  operator: ArithmeticOperator,
  left: bigint,
  right: bigint,
  type: IntType,
  span: Span,
): TypedExpression {
  const shift = right < 0n || right > 63n ? undefined : right;
  if ((operator === "<<" || operator === ">>") && shift === undefined)
    return fail(on, "bad-shift", "A number can be shifted by 0 to 63 bits", span);
  if ((operator === "/" || operator === "%") && right === 0n) {
    on.findings.warning("division-by-zero", "Division by zero yields 0", span);
    return integer(0n, int64, span);
  }
  const exact = fold(operator, left, right);
  const wide = exact >= 1n << 63n && exact < 1n << 64n ? uint64 : { ...type, size: 8 as const };
  const wrapped = wrap(exact, wide);
  return integer(wrapped, literalType(wrapped), span);
}

function fold(operator: ArithmeticOperator, left: bigint, right: bigint): bigint {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    case "|":
      return left | right;
    case "^":
      return left ^ right;
    case "&":
      return left & right;
    case "<<":
      return left << right;
    case ">>":
      return left >> right;
  }
}

export function unary(on: Elaborator, expression: Of<"unary">): TypedExpression {
  const { operator, span } = expression;
  const operand = value(on.expression(expression.operand));
  if (isBroken(operand)) return broken(span);
  if (operator === "!") {
    const read = condition(on, operand);
    if (isBroken(read)) return read;
    const known = constantTruth(read);
    return known === undefined ? { kind: "not", operand: read, type: bool, span } : truth(!known, span);
  }
  const read = number(on, operand, `'${operator}'`);
  if (isBroken(read) || read.type.kind !== "int") return broken(span);
  if (operator === "+") return read;
  if (isLiteral(read)) {
    const folded = operator === "-" ? -read.value : ~read.value;
    return integer(wrap(folded, int64), int64, span);
  }
  if (operator === "-") return { kind: "negate", operand: convert(read, int64), type: int64, span };
  return { kind: "complement", operand: read, type: read.type, span };
}

export function ternary(on: Elaborator, expression: Of<"ternary">): TypedExpression {
  const { span } = expression;
  const test = condition(on, on.expression(expression.condition));
  const known = constantTruth(test);
  const first = expression.then ?? expression.condition;
  if (known !== undefined && !isBroken(test)) return on.expression(known ? first : expression.otherwise);
  return choose(on, test, on.expression(first), on.expression(expression.otherwise), span);
}

export function choose(
  on: Elaborator,
  test: TypedExpression,
  first: TypedExpression,
  second: TypedExpression,
  span: Span,
): TypedExpression {
  if (isBroken(test) || isBroken(first) || isBroken(second)) return broken(span);
  if (first.type.kind === "none" && second.type.kind === "none")
    return { kind: "ternary", condition: test, then: first, otherwise: second, type: first.type, span };
  const sides = unify(value(first), value(second));
  if (!sides)
    return fail(
      on,
      "type-mismatch",
      `Both values must be of one type, but they are ${typeName(first.type)} and ${typeName(second.type)}`,
      span,
    );
  const [then, otherwise] = sides;
  if (!sameType(then.type, otherwise.type)) return broken(span);
  return { kind: "ternary", condition: test, then, otherwise, type: then.type, span };
}
