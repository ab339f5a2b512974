import type { Expression } from "../ast.ts";
import { didYouMean } from "../findings.ts";
import { fieldOf, fieldsOf } from "../records.ts";
import { typeName } from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import { type AddressSpace, int8, pointerTo, type RecordType, type Type } from "../types.ts";
import { isLiteral, number } from "./convert.ts";
import { instanceName } from "./probe-instances.ts";
import { broken, type Elaborator, fail, isBroken } from "./elaborator.ts";
import { markUsed } from "./names.ts";

type Of<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

/** `a.b`, `a->b`, `t.0`: pointers are followed by themselves. */
export function field(on: Elaborator, expression: Of<"field">): TypedExpression {
  const { span, fieldSpan } = expression;
  const operand = followed(on.expression(expression.operand));
  if (isBroken(operand)) return broken(span);
  const { type } = operand;
  if (type.kind === "tuple") return tupleField(on, operand, expression);
  if (type.kind === "record") return member(on, operand, type, expression);
  if (operand.kind === "builtin" && operand.name === "curtask")
    return fail(
      on,
      "no-types",
      `The fields of tasks (here '${expression.field}') are known from BTF, which this kernel has not`,
      fieldSpan,
      "Give BTF with --btf FILE, or declare struct task_struct in the script and cast curtask.",
    );
  const hints = type.kind === "int" ? ["Cast it to a pointer first: ((struct NAME *)value).FIELD"] : [];
  return fail(on, "no-fields", `${typeName(type)} has no field '${expression.field}'`, fieldSpan, ...hints);
}

/** What a pointer to a record points to. */
function followed(operand: TypedExpression): TypedExpression {
  const { type, span } = operand;
  if (type.kind !== "pointer") return operand;
  if (type.target.kind === "record") {
    const target = whole(type.target, type.space);
    return { kind: "dereference", operand, type: target, span };
  }
  return type.target.kind === "tuple" ? { kind: "dereference", operand, type: type.target, span } : operand;
}

/** A record of the script may have been named before its size was known. */
function whole(record: RecordType, space: AddressSpace): RecordType {
  const { origin } = record;
  return { ...record, size: origin.kind === "script" ? origin.size : record.size, space };
}

function member(
  on: Elaborator,
  operand: TypedExpression,
  type: RecordType,
  expression: Of<"field">,
): TypedExpression {
  const { span, fieldSpan } = expression;
  const found = fieldOf(type, expression.field);
  if (!found) {
    const names = fieldsOf(type).map(({ name }) => name);
    const what =
      type.origin.kind === "parameters" || type.origin.kind === "tracepoint"
        ? instanceName(on.instance)
        : typeName(type);
    const hints = didYouMean(expression.field, names);
    return fail(on, "unknown-field", `${what} has no field '${expression.field}'`, fieldSpan, ...hints);
  }
  return { kind: "field", operand, field: found, type: found.type, span };
}

function tupleField(on: Elaborator, operand: TypedExpression, expression: Of<"field">): TypedExpression {
  const { span, fieldSpan } = expression;
  if (operand.type.kind !== "tuple") return broken(span);
  const { fields } = operand.type;
  const index = /^\d+$/.test(expression.field)
    ? Number(expression.field)
    : fields.findIndex(({ name }) => name === expression.field);
  const found = fields[index];
  if (!found)
    return fail(
      on,
      "unknown-field",
      `${typeName(operand.type)} has no field '${expression.field}'`,
      fieldSpan,
    );
  // A literal's field is that part of it.
  const part = operand.kind === "tuple" ? operand.elements[index] : undefined;
  if (part && (part.kind === "integer" || part.kind === "string")) return part;
  return { kind: "tupleField", operand, index, type: found.type, span };
}

/** `a[i]` of arrays, pointers, strings and tuples. */
export function index(on: Elaborator, expression: Of<"index">): TypedExpression {
  const { span } = expression;
  const operand = on.expression(expression.operand);
  const place = number(on, on.expression(expression.index), "An index");
  if (isBroken(operand) || isBroken(place)) return broken(span);
  const { type } = operand;
  if (type.kind === "tuple") {
    const found = isLiteral(place) ? type.fields[Number(place.value)] : undefined;
    if (!found || !isLiteral(place))
      return fail(on, "bad-index", "A tuple's index must be a constant inside it", expression.index.span);
    return {
      kind: "tupleField",
      operand,
      index: Number(place.value),
      type: found.type,
      span,
    };
  }
  const element = elementType(type);
  if (!element) return fail(on, "no-elements", `${typeName(type)} has no elements`, expression.operand.span);
  const length = type.kind === "array" ? type.length : type.kind === "string" ? type.size : 0;
  if (isLiteral(place) && (place.value < 0n || (length > 0 && place.value >= BigInt(length)))) {
    if (type.kind !== "pointer")
      return fail(
        on,
        "bad-index",
        `Index ${place.value} is outside the ${length} elements`,
        expression.index.span,
      );
  }
  return { kind: "element", operand, index: place, type: element, span };
}

function elementType(type: Type): Type | undefined {
  switch (type.kind) {
    case "array":
      return type.element;
    case "pointer":
      return type.target.kind === "void" ? undefined : type.target;
    case "string":
      return int8;
    default:
      return undefined;
  }
}

export function dereference(on: Elaborator, expression: Of<"unary">): TypedExpression {
  const { span } = expression;
  const operand = on.expression(expression.operand);
  if (isBroken(operand)) return broken(span);
  const { type } = operand;
  if (type.kind === "pointer") {
    if (type.target.kind === "void")
      return fail(
        on,
        "type-mismatch",
        "Cannot read through a void pointer",
        span,
        "Cast it to a pointer to something first.",
      );
    const target = type.target.kind === "record" ? whole(type.target, type.space) : type.target;
    return { kind: "dereference", operand, type: target, span };
  }
  if (type.kind === "int" && type.size === 8) {
    // `*arg0`: a word.
    const pointer = pointerTo(type, "unknown");
    const address: TypedExpression = { kind: "cast", operand, type: pointer, span: operand.span };
    return { kind: "dereference", operand: address, type, span };
  }
  return fail(on, "type-mismatch", `Cannot read through ${typeName(type)}: it is no pointer`, span);
}

export function addressOf(on: Elaborator, expression: Of<"unary">): TypedExpression {
  const { span } = expression;
  const { operand } = expression;
  if (operand.kind !== "variable" && operand.kind !== "map")
    return fail(on, "bad-operand", "'&' needs a variable or a map", span);
  const read = on.expression(operand);
  if (isBroken(read)) return broken(span);
  if (read.kind === "variable") markUsed(on, read.variable);
  return { kind: "addressOf", operand: read, type: pointerTo(read.type, "kernel"), span };
}
