import type { Value } from "../../ir/index.ts";
import type { CheckedMap, TypedExpression } from "../typed.ts";
import type { AggregateType } from "../types.ts";
import type { Body } from "./body.ts";
import { bucketOf } from "./bucket.ts";
import { keyAddress, markSet, newKey, updateElement, writeBucket } from "./map-access.ts";
import { addressOf } from "./place.ts";
import { extend } from "./scalar-form.ts";

/** What taking a number into an aggregate does to its words. */
interface Update {
  /** Words of a new element. */
  readonly initial: readonly Value[];
  /** Changes an element in place. */
  readonly apply: (element: Value) => void;
}

/** `@map[key] = count()`, `sum(n)`, ... Only this CPU's copy is touched. */
export function aggregate(
  body: Body,
  map: CheckedMap,
  key: TypedExpression | undefined,
  type: AggregateType,
  operand: TypedExpression | undefined,
): void {
  const { b } = body;
  const number = operand && extend(body, body.scalar(operand), operand.type);
  if (type.kind === "hist" || type.kind === "lhist") {
    const bucket = bucketOf(body, type, number!);
    takeIn(body, map, bucketKey(body, map, key, bucket), addition(body, [b.i64(1)]));
    return;
  }
  const update = updateOf(body, type, number ?? b.i64(1));
  takeIn(body, map, keyAddress(body, map, key), update);
}

function updateOf(body: Body, type: AggregateType, number: Value): Update {
  const { b } = body;
  switch (type.kind) {
    case "avg":
    case "stats":
      return addition(body, [number, b.i64(1)]);
    case "min":
    case "max":
      return maximum(body, rising(body, type, number));
    case "count":
    case "sum":
    case "hist":
    case "lhist":
    case "tseries":
      return addition(body, [number]);
  }
}

/** Adds to consecutive words. */
function addition(body: Body, amounts: readonly Value[]): Update {
  const { b } = body;
  return {
    initial: amounts,
    apply: (element) => {
      amounts.forEach((amount, index) => {
        const before = b.load("i64", 8, element, { offset: index * 8 });
        b.store(8, element, b.add(before, amount), { offset: index * 8 });
      });
    },
  };
}

/** See MapValue of the plan: `min` and `max` are both kept as an unsigned number that only grows. */
function rising(body: Body, type: AggregateType & { readonly signed: boolean }, number: Value): Value {
  const { b } = body;
  const top = 1n << 63n;
  const mask = (type.signed ? top : 0n) ^ (type.kind === "min" ? (1n << 64n) - 1n : 0n);
  return mask === 0n ? number : b.binary("xor", number, b.i64(mask));
}

function maximum(body: Body, value: Value): Update {
  const { b, code } = body;
  return {
    initial: [value],
    apply: (element) => {
      const more = code.block("more");
      const end = code.block("kept");
      const before = b.load("i64", 8, element);
      code.branch("ugt", value, before, more, end);
      code.at(more);
      b.store(8, element, value);
      code.jump(end);
      code.at(end);
    },
  };
}

function takeIn(body: Body, map: CheckedMap, key: Value, update: Update): void {
  const { b, code } = body;
  const storage = body.unit.storage(map);
  const element = code.helper("map_lookup_elem", b.mapRef(storage.name), key);
  const hit = code.block("hit");
  const end = code.block("taken");
  const miss = storage.shape === "hash" ? code.block("miss") : end;
  code.branch("ne", element, b.null(), hit, miss, { likely: true });
  code.at(hit);
  update.apply(element);
  markSet(body, element, storage.setOffset);
  code.jump(end);
  if (miss !== end) {
    code.at(miss);
    const initial = body.temporary(storage.valueSize, 8, "value");
    update.initial.forEach((word, index) => {
      b.store(8, initial.base, word, { offset: initial.offset + index * 8 });
    });
    // An element that another CPU adds meanwhile keeps its own copy: "any" replaces this CPU's only.
    updateElement(body, map, key, addressOf(body, initial));
    code.jump(end);
  }
  code.at(end);
}

/** The key of a histogram's bucket: the array's index, or behind the user's key. */
function bucketKey(body: Body, map: CheckedMap, key: TypedExpression | undefined, bucket: Value): Value {
  const { b } = body;
  const storage = body.unit.storage(map);
  const { bucketOffset } = storage;
  if (key === undefined || bucketOffset === undefined) {
    const index = body.temporary(4, 4, "bucket");
    b.store(4, index.base, bucket, { offset: index.offset });
    return addressOf(body, index);
  }
  const place = newKey(body, storage, key);
  writeBucket(body, storage, place, bucket);
  return addressOf(body, place);
}
