import type { Span } from "../../diagnostic.ts";
import type { Expression } from "../ast.ts";
import { findMapFunction } from "../map-functions.ts";
import { typeName } from "../type-relations.ts";
import type { TypedExpression, TypedStatement } from "../typed.ts";
import { type AggregateType, int64, isAggregate, uint64 } from "../types.ts";
import { convert, number } from "./convert.ts";
import { type Elaborator, fail, isBroken } from "./elaborator.ts";
import { mapReference } from "./names.ts";
import { grow, type MapSlots } from "./shared.ts";

/** `@m[k] = count()`, `sum(n)`, ... */
export function aggregate(
  on: Elaborator,
  slots: MapSlots,
  key: TypedExpression | undefined | false,
  call: Extract<Expression, { kind: "call" }>,
  span: Span,
): readonly TypedStatement[] {
  const row = findMapFunction(call.name)!;
  const [least, most] = row.arity;
  if (call.arguments.length < least || call.arguments.length > most) {
    const range = least === most ? `${least}` : `${least} to ${most}`;
    fail(
      on,
      "argument-count",
      `${row.name}() takes ${range} arguments, given are ${call.arguments.length}`,
      call.span,
    );
    return [];
  }
  if (row.status === "later") {
    fail(on, "not-yet", `${row.name}() is not supported yet`, call.span);
    return [];
  }
  const operand = call.arguments[0] && number(on, on.expression(call.arguments[0]), `${row.name}()`);
  const signed = operand?.type.kind === "int" && operand.type.signed;
  const type = aggregateType(on, call, signed);
  if (!type || (operand && isBroken(operand))) return [];
  if (!grow(on.round, slots.value, (slot) => slot.add(type))) {
    fail(
      on,
      "type-mismatch",
      `'${slots.name}' holds ${typeName(slots.value.type!)}: it cannot take ${row.name}() as well`,
      span,
    );
    return [];
  }
  const held = slots.value.type;
  if (key === false || !held || !isAggregate(held)) return [];
  const wide = operand && convert(operand, signed ? int64 : uint64);
  return [
    {
      kind: "aggregate",
      map: mapReference(on, slots),
      aggregate: held,
      span,
      ...(key && { key }),
      ...(wide && { operand: wide }),
    },
  ];
}

function aggregateType(
  on: Elaborator,
  call: Extract<Expression, { kind: "call" }>,
  signed: boolean,
): AggregateType | undefined {
  const row = findMapFunction(call.name)!;
  const constants = call.arguments.slice(1).map((argument) => {
    const checked = on.expression(argument);
    if (checked.kind === "integer" && !isBroken(checked)) return Number(checked.value);
    if (!isBroken(checked))
      fail(on, "not-literal", `${row.name}() needs a constant number here`, argument.span);
    return undefined;
  });
  if (constants.includes(undefined)) return undefined;
  switch (row.name) {
    case "count":
    case "sum":
    case "min":
    case "max":
    case "avg":
    case "stats":
      return { kind: row.name, signed: row.name === "count" ? true : signed };
    case "hist": {
      const bits = constants[0] ?? 0;
      if (bits >= 0 && bits <= 5) return { kind: "hist", bits };
      fail(
        on,
        "bad-histogram",
        "hist() takes 0 to 5 bits of buckets a power of two",
        call.arguments[1]!.span,
      );
      return undefined;
    }
    case "lhist":
      return linearHistogram(on, call, constants);
    case "tseries":
      return undefined;
  }
}

function linearHistogram(
  on: Elaborator,
  call: Extract<Expression, { kind: "call" }>,
  constants: readonly (number | undefined)[],
): AggregateType | undefined {
  const [min = 0, max = 0, step = 0] = constants;
  const problem =
    step <= 0
      ? "a step above 0"
      : min < 0
        ? "a least value of 0 or more"
        : max <= min
          ? "a most value above the least one"
          : (max - min) / step > 1000
            ? "at most 1000 buckets"
            : undefined;
  if (problem === undefined) return { kind: "lhist", min, max, step };
  fail(on, "bad-histogram", `lhist() needs ${problem}`, call.span);
  return undefined;
}
