import type { TypedExpression } from "../typed.ts";

/** Calls that change nothing, whenever and however often they run. */
const HARMLESS: ReadonlySet<string> = new Set([
  "str",
  "buf",
  "strncmp",
  "strcontains",
  "strlen",
  "nsecs",
  "pid",
  "tid",
  "kstack",
  "ustack",
  "ksym",
  "usym",
  "reg",
  "ntop",
  "macaddr",
  "bswap",
  "strftime",
  "cgroup_path",
  "kptr",
  "uptr",
  "uaddr",
  "kaddr",
  "has_key",
  "path",
  "memcmp",
  "is_err",
]);

/**
 * Whether evaluating the expression does more than yield a value, or may leave the program: it must then
 * happen even where nobody takes the value.
 */
export function hasEffects(expression: TypedExpression): boolean {
  switch (expression.kind) {
    case "integer":
    case "string":
    case "variable":
    case "builtin":
      return false;
    case "map":
    case "mapReference":
      return expression.key !== undefined && hasEffects(expression.key);
    case "call":
      return !HARMLESS.has(expression.name) || expression.arguments.some(hasEffects);
    case "arithmetic":
    case "comparison":
    case "logical":
      return hasEffects(expression.left) || hasEffects(expression.right);
    case "not":
    case "negate":
    case "complement":
    case "cast":
    case "field":
    case "dereference":
    case "addressOf":
    case "tupleField":
      return hasEffects(expression.operand);
    case "pointerOffset":
      return hasEffects(expression.pointer) || hasEffects(expression.index);
    case "element":
      return hasEffects(expression.operand) || hasEffects(expression.index);
    case "ternary":
      return [expression.condition, expression.then, expression.otherwise].some(hasEffects);
    case "tuple":
      return expression.elements.some(hasEffects);
    case "increment":
    case "blockValue":
      return true;
  }
}
