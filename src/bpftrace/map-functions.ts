import type { AggregateKind } from "./types.ts";

/** Functions whose result only a map can hold: `@m[k] = NAME(...)`. */
export interface MapFunctionRow {
  readonly name: AggregateKind;
  /** Least and most arguments; the first is the number to take in (none for count). */
  readonly arity: readonly [least: number, most: number];
  /** May be cast to an integer in the program. */
  readonly castable: boolean;
  readonly status: "core" | "later";
  readonly doc: string;
}

export const mapFunctionRows: readonly MapFunctionRow[] = [
  { name: "count", arity: [0, 0], castable: true, status: "core", doc: "Counts its calls" },
  { name: "sum", arity: [1, 1], castable: true, status: "core", doc: "Adds up" },
  { name: "min", arity: [1, 1], castable: true, status: "core", doc: "Keeps the least" },
  { name: "max", arity: [1, 1], castable: true, status: "core", doc: "Keeps the most" },
  { name: "avg", arity: [1, 1], castable: true, status: "core", doc: "Keeps the average" },
  { name: "stats", arity: [1, 1], castable: false, status: "core", doc: "Keeps count, average and total" },
  {
    name: "hist",
    arity: [1, 2],
    castable: false,
    status: "core",
    doc: "Histogram with buckets of powers of two",
  },
  {
    name: "lhist",
    arity: [4, 4],
    castable: false,
    status: "core",
    doc: "Histogram with buckets of one size",
  },
  { name: "tseries", arity: [3, 4], castable: false, status: "later", doc: "Values over time" },
];

export function findMapFunction(name: string): MapFunctionRow | undefined {
  return mapFunctionRows.find((row) => row.name === name);
}
