import type { Expression } from "../ast.ts";
import { findBuiltin } from "../builtins.ts";
import { didYouMean } from "../findings.ts";
import { findFunction, type FunctionName, type FunctionRow, functionRows } from "../functions.ts";
import { findMapFunction } from "../map-functions.ts";
import type { TypedExpression } from "../typed.ts";
import { type Elaborator, fail } from "./elaborator.ts";
import { compileCalls } from "./compile-calls.ts";
import { findMacro } from "./macros.ts";
import { mapCalls } from "./map-calls.ts";
import { builtin } from "./names.ts";
import { outputCalls } from "./output-calls.ts";
import { valueCalls } from "./value-calls.ts";
import type { Call, CallChecker } from "./call-checker.ts";

const checkers: Partial<Record<FunctionName, CallChecker>> = {
  ...outputCalls,
  ...mapCalls,
  ...valueCalls,
  ...compileCalls,
};

export function call(on: Elaborator, expression: Call): TypedExpression {
  const { name, nameSpan, span } = expression;
  const macro = findMacro(on, name, expression.arguments.length);
  if (macro) return macro(expression);
  const builtinRow = findBuiltin(name);
  if (expression.arguments.length === 0 && builtinRow) return builtin(on, builtinRow, name, span);
  if (findMapFunction(name))
    return fail(
      on,
      "misplaced-map-function",
      `${name}() must be assigned to a map`,
      span,
      `For instance: @ = ${name}(...);`,
    );
  const row = findFunction(name);
  if (!row && on.shared.macros.has(name))
    return fail(
      on,
      "macro-arguments",
      `No macro '${name}' takes ${expression.arguments.length} arguments`,
      span,
    );
  if (!row) {
    const names = [...functionRows.map((candidate) => candidate.name), ...on.shared.macros.keys()];
    return fail(on, "unknown-function", `Unknown function '${name}'`, nameSpan, ...didYouMean(name, names));
  }
  return checkedCall(on, row, expression);
}

function checkedCall(on: Elaborator, row: FunctionRow, expression: Call): TypedExpression {
  const { span } = expression;
  const count = expression.arguments.length;
  const [least, most] = row.arity;
  if (count < least || count > most) {
    const range = least === most ? `${least}` : count < least ? `at least ${least}` : `at most ${most}`;
    const noun = range.endsWith(" 1") || range === "1" ? "argument" : "arguments";
    return fail(
      on,
      "argument-count",
      `${row.name}() takes ${range} ${noun}, given are ${count}`,
      span,
      `It is ${row.signature}.`,
    );
  }
  if (row.unsafe && !on.shared.options.unsafe)
    return fail(
      on,
      "unsafe",
      `${row.name}() is unsafe: it changes what the system does`,
      span,
      "Allow it with --unsafe.",
    );
  if (row.allowed && !row.allowed(on.instance.row))
    return fail(
      on,
      "function-not-here",
      `${row.name}() is not available in ${on.instance.row.kind} probes`,
      span,
    );
  const check = checkers[row.name];
  if (row.status === "later" || !check)
    return fail(on, "not-yet", `${row.name}() is not supported yet`, span);
  return check(on, expression);
}

/** `kstack` without parentheses, and other functions whose arguments may all be left out. */
export function bareCall(
  on: Elaborator,
  expression: Extract<Expression, { kind: "identifier" }>,
): TypedExpression | undefined {
  const { name, span } = expression;
  const asCall: Call = { kind: "call", name, nameSpan: span, arguments: [], span };
  const macro = findMacro(on, name, 0);
  if (macro) return macro(asCall);
  const row = findBuiltin(name) ? undefined : findFunction(name);
  return row && row.arity[0] === 0 ? checkedCall(on, row, asCall) : undefined;
}
