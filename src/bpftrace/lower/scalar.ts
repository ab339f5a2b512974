import type { BinaryOp, Value } from "../../ir/index.ts";
import type { ArithmeticOperator, TypedExpression } from "../typed.ts";
import { isAggregate, sizeOf } from "../types.ts";
import { readAggregate } from "./aggregate-read.ts";
import type { Body } from "./body.ts";
import { isScalar } from "./value-form.ts";
import { lowerBuiltin } from "./builtins.ts";
import { lowerCall } from "./calls.ts";
import { incrementMap, mapPlace } from "./map-access.ts";
import { fieldAddress, loadScalar, widthOf } from "./place.ts";
import {
  asNumber,
  comparisonPredicate,
  extend,
  integer,
  isSigned,
  normal,
  plain,
  resize,
  sameWidth,
} from "./scalar-form.ts";

type Of<K extends TypedExpression["kind"]> = TypedExpression & { readonly kind: K };

/** Lowers an expression whose value fits a register. */
export function lowerScalar(body: Body, expression: TypedExpression): Value {
  const { b } = body;
  switch (expression.kind) {
    case "integer":
      return integer(body, expression.value, expression.type);
    case "variable": {
      const home = body.homes.get(expression.variable);
      return home ? loadScalar(body, home, expression.type) : body.code.read(expression.variable);
    }
    case "map":
      return loadScalar(body, mapPlace(body, expression.map, expression.key), expression.type);
    case "builtin":
      return lowerBuiltin(body, expression);
    case "call":
      return DECISIONS.has(expression.name) ? truth(body, expression) : lowerCall(body, expression);
    case "arithmetic":
      return arithmetic(body, expression);
    case "comparison":
      if (isScalar(expression.left.type)) return comparison(body, expression);
      return truth(body, expression);
    case "logical":
    case "not":
      return truth(body, expression);
    case "negate":
      return normal(body, b.unary("neg", plain(body, expression.operand)), expression.type);
    case "complement": {
      const operand = plain(body, expression.operand);
      const ones = operand.type === "i32" ? b.i32(-1) : b.i64(-1);
      return normal(body, b.binary("xor", operand, ones), expression.type);
    }
    case "pointerOffset":
      return pointerOffset(body, expression);
    case "ternary":
      return ternary(body, expression);
    case "cast":
      return cast(body, expression);
    case "field":
      return loadScalar(body, body.locate(expression), expression.type, expression.field.bits);
    case "dereference":
    case "element":
    case "tupleField":
      return loadScalar(body, body.locate(expression), expression.type);
    case "addressOf":
      return asNumber(body, fieldAddress(body, body.locate(expression.operand)));
    case "increment":
      return increment(body, expression);
    case "blockValue": {
      for (const statement of expression.block.statements)
        body.block({ kind: "block", statements: [statement], span: statement.span });
      return body.scalar(expression.value);
    }
    case "string":
    case "mapReference":
    case "tuple":
      throw new TypeError(`a ${expression.kind} is no scalar`);
  }
}

/** Calls that are branches by nature. */
const DECISIONS: ReadonlySet<string> = new Set(["find", "strcontains"]);

const ARITHMETIC: Readonly<Record<ArithmeticOperator, readonly [unsigned: BinaryOp, signed: BinaryOp]>> = {
  "+": ["add", "add"],
  "-": ["sub", "sub"],
  "*": ["mul", "mul"],
  "/": ["udiv", "sdiv"],
  "%": ["umod", "smod"],
  "|": ["or", "or"],
  "^": ["xor", "xor"],
  "&": ["and", "and"],
  "<<": ["shl", "shl"],
  ">>": ["lshr", "ashr"],
};

function arithmetic(body: Body, expression: Of<"arithmetic">): Value {
  const { type, operator } = expression;
  const left = plain(body, expression.left);
  const right = sameWidth(body, plain(body, expression.right), left);
  const [unsigned, signed] = ARITHMETIC[operator];
  return normal(body, body.b.binary(isSigned(type) ? signed : unsigned, left, right), type);
}

function comparison(body: Body, expression: Of<"comparison">): Value {
  const left = body.scalar(expression.left);
  const right = sameWidth(body, body.scalar(expression.right), left);
  return body.b.compare(comparisonPredicate(expression.operator, expression.left.type), left, right);
}

/** A condition as 0 or 1. */
function truth(body: Body, expression: TypedExpression): Value {
  return choose(
    body,
    expression,
    () => body.b.i32(1),
    () => body.b.i32(0),
  );
}

function ternary(body: Body, { condition, then, otherwise }: Of<"ternary">): Value {
  return choose(
    body,
    condition,
    () => body.scalar(then),
    () => body.scalar(otherwise),
  );
}

function choose(body: Body, condition: TypedExpression, then: () => Value, otherwise: () => Value): Value {
  const { b, code } = body;
  const whenTrue = code.block("then");
  const whenFalse = code.block("else");
  const end = code.block("join");
  const known = body.test(condition, whenTrue, whenFalse);
  const arms = [
    { block: whenTrue, value: () => body.facts.within(then, known) },
    { block: whenFalse, value: () => body.facts.within(otherwise) },
  ].map((arm) => {
    code.at(arm.block);
    const value = arm.value();
    const from = b.current;
    code.jump(end);
    return [from, value] as const;
  });
  code.at(end);
  return code.phi(arms);
}

function pointerOffset(body: Body, expression: Of<"pointerOffset">): Value {
  const { b } = body;
  const pointer = plain(body, expression.pointer);
  const { index, scale, negative } = expression;
  if (index.kind === "integer") {
    const distance = index.value * BigInt(negative ? -scale : scale);
    return b.add(pointer, b.i64(distance));
  }
  const count = extend(body, body.scalar(index), index.type);
  const distance = scale === 1 ? count : b.mul(count, b.i64(scale));
  return negative ? b.sub(pointer, distance) : b.add(pointer, distance);
}

function cast(body: Body, { operand, type }: Of<"cast">): Value {
  if (isAggregate(operand.type)) return readAggregate(body, operand, operand.type);
  if (!isScalar(operand.type)) return loadScalar(body, body.locate(operand), type);
  return resize(body, body.scalar(operand), operand.type, type);
}

function increment(body: Body, expression: Of<"increment">): Value {
  const { b, code } = body;
  const { target, by, prefix, type } = expression;
  if (target.kind === "map") return incrementMap(body, target.map, target.key, by, prefix, type);
  if (target.kind !== "variable") throw new TypeError(`cannot increment a ${target.kind}`);
  const scale = type.kind === "pointer" ? Math.max(sizeOf(type.target), 1) : 1;
  const before = body.scalar(target);
  const after = normal(body, b.add(before, integer(body, by * scale, type)), type);
  const home = body.homes.get(target.variable);
  if (home === undefined) code.write(target.variable, after);
  else b.store(widthOf(type), home.base, after, { offset: home.offset });
  return prefix ? after : before;
}
