import { addIncoming, type Block, type Value } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import type { AggregateType } from "../types.ts";
import type { Body } from "./body.ts";
import { keyAddress } from "./map-access.ts";
import { GLOBALS } from "./unit.ts";

/** Where the number of CPUs is not known; the verifier follows at most 8192 jumps at once, some for each CPU. */
const MOST_CPUS = 512;

/** `(int64)@map[key]` of an aggregate: all CPUs' copies folded. */
export function readAggregate(body: Body, operand: TypedExpression, type: AggregateType): Value {
  const { b, code, unit } = body;
  if (operand.kind !== "map") throw new TypeError("aggregates are read from maps only");
  if (!unit.target.features.lookupPercpuElem) {
    unit.error(
      "aggregate-read",
      "Reading an aggregate in a program needs a kernel from 5.19 on",
      operand.span,
      ["Print the map, or count with @map++ instead."],
    );
    return b.i64(0);
  }
  const key = keyAddress(body, operand.map, operand.key);
  const { cpus } = unit.target;
  const count =
    cpus === undefined ? b.load("i64", 8, b.mapValue(GLOBALS, unit.global("cpuCount"))) : b.i64(cpus);
  const average = type.kind === "avg" || type.kind === "stats";
  const words = average ? 2 : 1;

  const head = code.block("cpus");
  const look = code.block("cpu");
  const found = code.block("found");
  const next = code.block("next");
  const end = code.block("folded");
  const start = b.current;
  code.jump(head);
  code.atLoop(head);
  const index = b.phi("i64", [[start, b.i64(0)]]);
  const totals = Array.from({ length: words }, () => b.phi("i64", [[start, b.i64(0)]]));
  code.branch("ult", index, count, look, end);
  code.at(look);
  const map = b.mapRef(unit.storage(operand.map).name);
  const element = code.helper("map_lookup_percpu_elem", map, key, b.convert("trunc", index));
  code.branch("ne", element, b.null(), found, end);
  code.at(found);
  const sums = totals.map((total, word) => {
    const value = b.load("i64", 8, element, { offset: word * 8 });
    return type.kind === "min" || type.kind === "max" ? greater(body, total, value) : b.add(total, value);
  });
  code.jump(next);
  code.at(next);
  const after = b.add(index, b.i64(1));
  addIncoming(index, next, after);
  totals.forEach((total, word) => addIncoming(total, next, sums[word]!));
  code.branch("ult", after, b.i64(cpus ?? MOST_CPUS), head, end);
  code.sealLoop(head);
  code.at(end);
  return folded(body, type, endValues(body, totals, sums, { head, look, next }));
}

/** At the loop's end: what was folded when no CPU was left, none was found, or the bound was reached. */
function endValues(
  body: Body,
  totals: readonly Value[],
  sums: readonly Value[],
  blocks: Readonly<Record<"head" | "look" | "next", Block>>,
): readonly Value[] {
  return totals.map((total, word) =>
    body.code.phi([
      [blocks.head, total],
      [blocks.look, total],
      [blocks.next, sums[word]!],
    ]),
  );
}

function greater(body: Body, left: Value, right: Value): Value {
  const { b, code } = body;
  const from = b.current;
  const more = code.block("more");
  const end = code.block("most");
  code.branch("ugt", right, left, more, end);
  code.at(more);
  code.jump(end);
  code.at(end);
  return code.phi([
    [from, left],
    [more, right],
  ]);
}

function folded(body: Body, type: AggregateType, [total, count]: readonly Value[]): Value {
  const { b } = body;
  if (total === undefined) return b.i64(0);
  switch (type.kind) {
    case "avg":
    case "stats":
      return b.binary(type.signed ? "sdiv" : "udiv", total, count ?? b.i64(1));
    case "min":
    case "max": {
      const mask = (type.signed ? 1n << 63n : 0n) ^ (type.kind === "min" ? (1n << 64n) - 1n : 0n);
      return mask === 0n ? total : b.binary("xor", total, b.i64(mask));
    }
    default:
      return total;
  }
}
