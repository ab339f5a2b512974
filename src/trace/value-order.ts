import type { ValueType } from "../object/index.ts";
import type { Integer, Value } from "../report/index.ts";

/** What entries are ordered by before their keys: integers only. */
export function valueRank(value: Value, type: ValueType): Integer | undefined {
  return type.kind === "int" && (typeof value === "number" || typeof value === "bigint") ? value : undefined;
}

/** A total order of keys: numbers by size, texts by bytes, tuples by their first difference. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== undefined && right !== undefined) return left < right ? -1 : left > right ? 1 : 0;
  const [first, second] = [partsOf(a), partsOf(b)];
  for (let index = 0; index < Math.min(first.length, second.length); index++) {
    const order = compareValues(first[index]!, second[index]!);
    if (order !== 0) return order;
  }
  return first.length - second.length;
}

function numberOf(value: Value): Integer | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (typeof value === "boolean") return Number(value);
  return typeof value === "object" && value?.kind === "symbolic" ? value.number : undefined;
}

function partsOf(value: Value): readonly Value[] {
  if (typeof value !== "object" || value === null) return [];
  switch (value.kind) {
    case "array":
    case "tuple":
      return value.values;
    case "record":
      return value.fields.map(([, field]) => field);
    case "bytes":
      return [...value.bytes];
    case "stack":
      return value.frames.map(({ address }) => address);
    case "symbolic":
      return [];
  }
}
