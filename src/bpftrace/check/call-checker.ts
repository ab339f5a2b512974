import type { Expression } from "../ast.ts";
import type { FunctionName } from "../functions.ts";
import { typeName } from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import type { Type } from "../types.ts";
import { number } from "./convert.ts";
import { broken, type Elaborator, fail, isBroken, literal } from "./elaborator.ts";

export type Call = Extract<Expression, { kind: "call" }>;
/** Checks one function's call; the number of arguments is right. */
export type CallChecker = (on: Elaborator, call: Call) => TypedExpression;

export function typedCall(
  name: FunctionName,
  type: Type,
  call: Call,
  args: readonly TypedExpression[],
): TypedExpression {
  const { span } = call;
  return args.some(isBroken) ? broken(span) : { kind: "call", name, type, arguments: args, span };
}

/** The argument must be text that is known now. */
export function textArgument(
  on: Elaborator,
  call: Call,
  index: number,
): (TypedExpression & { kind: "string" }) | undefined {
  const argument = call.arguments[index]!;
  const checked = on.expression(argument);
  if (checked.kind === "string") return checked;
  if (checked.kind === "integer" && argument.kind === "positional")
    return stringNode(literal(`${checked.value}`, argument.span));
  if (!isBroken(checked))
    fail(on, "not-literal", `${call.name}() needs a literal string here`, argument.span);
  return undefined;
}

function stringNode(node: TypedExpression): (TypedExpression & { kind: "string" }) | undefined {
  return node.kind === "string" ? node : undefined;
}

/** The argument must be a number that is known now. */
export function constantArgument(on: Elaborator, call: Call, index: number): bigint | undefined {
  const argument = call.arguments[index]!;
  const checked = on.expression(argument);
  if (checked.kind === "integer" && !isBroken(checked)) return checked.value;
  if (!isBroken(checked))
    fail(on, "not-literal", `${call.name}() needs a constant number here`, argument.span);
  return undefined;
}

export function numberArgument(on: Elaborator, call: Call, index: number): TypedExpression {
  return number(on, on.expression(call.arguments[index]!), `${call.name}()`);
}

export function wrongType(
  on: Elaborator,
  call: Call,
  argument: TypedExpression,
  wanted: string,
): TypedExpression {
  if (isBroken(argument)) return argument;
  return fail(
    on,
    "argument-type",
    `${call.name}() needs ${wanted}, but this is ${typeName(argument.type)}`,
    argument.span,
  );
}
