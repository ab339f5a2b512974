import type { TypedExpression } from "../typed.ts";
import type { Body } from "./body.ts";

/** Builtins that keep their value while one program runs once. */
const STABLE: ReadonlySet<string> = new Set([
  "pid",
  "tid",
  "uid",
  "gid",
  "cpu",
  "cgroup",
  "curtask",
  "argN",
  "retval",
  "func",
  "probe",
]);

/**
 * A name for the value of an expression, equal for expressions that certainly have equal values where one of them
 * was computed before the other; undefined where nobody knows.
 */
export function expressionKey(body: Body, expression: TypedExpression): string | undefined {
  switch (expression.kind) {
    case "integer":
      return `${expression.value}`;
    case "string":
      return JSON.stringify(expression.value);
    case "variable": {
      const { variable } = expression;
      return body.homes.has(variable) ? undefined : `$${body.code.read(variable).id}`;
    }
    case "builtin":
      return STABLE.has(expression.name) ? `${expression.name}${expression.index ?? ""}` : undefined;
    case "cast": {
      const operand = expressionKey(body, expression.operand);
      const { type } = expression;
      const shape = type.kind === "int" ? `${type.size}${type.signed ? "s" : "u"}` : type.kind;
      return operand && `(${shape} ${"size" in type ? type.size : ""})${operand}`;
    }
    case "field": {
      const { operand, field } = expression;
      const isArgs = operand.kind === "builtin" && operand.name === "args";
      return isArgs && field.location === undefined ? `args.${field.name}` : undefined;
    }
    case "tuple": {
      const keys = expression.elements.map((element) => expressionKey(body, element));
      return keys.every((key) => key !== undefined) ? `(${keys.join(",")})` : undefined;
    }
    case "arithmetic": {
      const left = expressionKey(body, expression.left);
      const right = expressionKey(body, expression.right);
      return left && right && `(${left} ${expression.operator} ${right})`;
    }
    default:
      return undefined;
  }
}
