import { addIncoming, type Value } from "../../ir/index.ts";
import { BPF_ANY, ERRNO } from "../../uapi/index.ts";
import type { CheckedMap, TypedExpression } from "../typed.ts";
import { sizeOf, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import { isKeptClean } from "./copy.ts";
import { directPlace, type Place } from "./memory.ts";
import { isScalar, isWide } from "./value-form.ts";
import { expressionKey } from "./expression-key.ts";
import { countFailure } from "./failure.ts";
import { addressOf, widthOf } from "./place.ts";
import { type MapStorage, roundUp } from "./storage.ts";

/** Where the map's value lies; null when there is no such element. */
export function mapPlace(body: Body, map: CheckedMap, key: TypedExpression | undefined): Place {
  const storage = body.unit.storage(map);
  if (storage.shape === "cell") return directPlace(body.b.mapValue(storage.name, 0));
  const pointer = lookUp(body, map, key);
  const present = body.facts.get(presentFact(pointer)) !== undefined;
  return { ...directPlace(pointer), ...(!present && { nullable: true }) };
}

/** What is known where a looked-up element was seen to be there. */
export function presentFact(pointer: Value): string {
  return `present ${pointer.id}`;
}

/** The element's address, or null. Asked for again with the same key, it is not looked up again. */
export function lookUp(body: Body, map: CheckedMap, key: TypedExpression | undefined): Value {
  const { b, code, facts } = body;
  const find = (): Value =>
    code.helper("map_lookup_elem", b.mapRef(body.unit.storage(map).name), keyAddress(body, map, key));
  const name = key === undefined ? "" : expressionKey(body, key);
  if (name === undefined) return find();
  return body.once(`element ${map.name} ${facts.version(map)} ${name}`, find);
}

/** The key's bytes in memory. */
export function keyAddress(body: Body, map: CheckedMap, key: TypedExpression | undefined): Value {
  if (key === undefined) return body.zeroKey();
  const storage = body.unit.storage(map);
  const { keySize } = storage;
  const name = expressionKey(body, key);
  if (name === undefined || !body.fitsStack(keySize)) return addressOf(body, newKey(body, storage, key));
  return body.once(`key ${keySize} ${name}`, () => {
    const place = body.permanent(keySize, 8, "key");
    writeKey(body, storage, place, key);
    return place.base;
  });
}

/** A key in memory of its own; the bucket of a histogram is left to the caller. */
export function newKey(body: Body, storage: MapStorage, key: TypedExpression): Place {
  const place = body.temporary(storage.keySize, 8, "key");
  writeKey(body, storage, place, key);
  return place;
}

/** Up to the bucket, if there is one, or to the end. */
function writeKey(body: Body, storage: MapStorage, place: Place, key: TypedExpression): void {
  const { b } = body;
  const stored = fitted(storage, key);
  const used = sizeOf(stored.type);
  const end = storage.bucketOffset ?? storage.keySize;
  if (used === 4 && end === 8 && isScalar(stored.type)) {
    b.store(8, place.base, b.convert("zext32", body.scalar(stored)), { offset: place.offset });
    return;
  }
  body.store(stored, { ...place, clean: true });
  if (end > used) b.fill(place.base, end - used, 1, { offset: place.offset + used });
}

/** The bucket in a histogram's key, which it ends. */
export function writeBucket(body: Body, storage: MapStorage, place: Place, bucket: Value): void {
  const { b } = body;
  const { keySize, bucketOffset = 0 } = storage;
  const offset = place.offset + bucketOffset;
  if (keySize - bucketOffset === 8) b.store(8, place.base, b.convert("zext32", bucket), { offset });
  else b.store(4, place.base, bucket, { offset });
}

/** The key as the map wants it. */
function fitted({ key: type }: MapStorage, key: TypedExpression): TypedExpression {
  if (type === undefined || sizeOf(type) === sizeOf(key.type)) return key;
  return { kind: "cast", operand: key, type, span: key.span };
}

/** `@map[key] = value` */
export function assignMap(
  body: Body,
  map: CheckedMap,
  key: TypedExpression | undefined,
  value: TypedExpression,
): void {
  const { b } = body;
  const storage = body.unit.storage(map);
  if (storage.shape === "cell") {
    const cell = b.mapValue(storage.name, 0);
    if (isScalar(value.type)) b.store(widthOf(map.value), cell, body.scalar(value));
    else body.store(value, { base: cell, offset: 0, clean: isKeptClean(value.type) });
    markSet(body, cell, storage.setOffset);
    return;
  }
  const from = valueInMemory(body, value, storage.valueSize);
  // The value first: it may read the map or its key's variables.
  updateElement(body, map, keyAddress(body, map, key), addressOf(body, from));
}

function valueInMemory(body: Body, value: TypedExpression, size: number): Place {
  const place = body.temporary(size, 8, "value");
  const onStack = place.base.op === "alloca";
  if (isScalar(value.type)) {
    const scalar = body.scalar(value);
    body.b.store(widthOf(value.type), place.base, scalar, { offset: place.offset });
  } else {
    // Helpers take stack memory only when all of it was written.
    body.store(value, { ...place, clean: onStack || isKeptClean(value.type) });
  }
  return place;
}

/** bpf_map_update_elem: adds or replaces. What does not fit is counted. */
export function updateElement(body: Body, map: CheckedMap, key: Value, value: Value): void {
  const { b, code, facts, unit } = body;
  const answer = code.helper("map_update_elem", b.mapRef(unit.storage(map).name), key, value, b.i64(BPF_ANY));
  // Before Linux 6.4 a call that the kernel inlines to the map's own function answers with an int: the upper half is
  // not its sign (d7ba4cc900bf).
  const result = b.convert("trunc", answer);
  facts.changed(map);
  const failed = code.block("failed");
  const full = code.block("full");
  const other = code.block("other");
  const end = code.block("updated");
  code.branch("slt", result, b.i32(0), failed, end, { likely: false });
  code.at(failed);
  code.branch("eq", result, b.i32(-ERRNO.E2BIG), full, other);
  code.at(full);
  countFailure(body, { kind: "full", what: map.name });
  code.jump(end);
  code.at(other);
  countFailure(body, { kind: "update", what: map.name });
  code.jump(end);
  code.at(end);
}

/** Remembers that a scalar map was assigned. */
export function markSet(body: Body, value: Value, setOffset: number | undefined): void {
  if (setOffset !== undefined) body.b.store(8, value, body.b.i64(1), { offset: setOffset });
}

/** `delete(@map, key)`; yields bool. */
export function deleteElement(body: Body, map: CheckedMap, key: TypedExpression | undefined): Value {
  const { b, code, facts } = body;
  const storage = body.unit.storage(map);
  if (storage.shape === "cell") {
    b.fill(b.mapValue(storage.name, 0), storage.valueSize, 8);
    return b.i32(1);
  }
  if (storage.bucketOffset !== undefined && key !== undefined) {
    deleteBuckets(body, storage, key);
    facts.changed(map);
    return b.i32(1);
  }
  const result = code.helper("map_delete_elem", b.mapRef(storage.name), keyAddress(body, map, key));
  facts.changed(map);
  return b.compare("eq", result, b.i64(0));
}

/** A histogram's buckets are elements of their own. */
function deleteBuckets(body: Body, storage: MapStorage, key: TypedExpression): void {
  const { b, code } = body;
  const { name, buckets = 0 } = storage;
  const place = newKey(body, storage, key);
  const address = addressOf(body, place);
  const head = code.block("bucket");
  const end = code.block("deleted");
  const start = b.current;
  code.jump(head);
  code.atLoop(head);
  const bucket = b.phi("i32", [[start, b.i32(0)]]);
  writeBucket(body, storage, place, bucket);
  code.helper("map_delete_elem", b.mapRef(name), address);
  const next = b.add(bucket, b.i32(1));
  addIncoming(bucket, head, next);
  code.branch("ult", next, b.i32(buckets), head, end);
  code.sealLoop(head);
  code.at(end);
}

/** `@map[key]++` and the like. Counts of shared elements are added atomically: none is lost. */
export function incrementMap(
  body: Body,
  map: CheckedMap,
  key: TypedExpression | undefined,
  by: 1 | -1,
  prefix: boolean,
  type: Type,
  wanted = true,
): Value {
  const { b, code } = body;
  const storage = body.unit.storage(map);
  const step = type.kind === "pointer" ? by * Math.max(sizeOf(type.target), 1) : by;
  const constant = (value: number): Value => (isWide(type) ? b.i64(value) : b.i32(value));
  if (storage.shape === "cell") {
    const cell = b.mapValue(storage.name, 0);
    const before = addInPlace(body, cell, type, step, wanted);
    markSet(body, cell, storage.setOffset);
    if (before === undefined) return constant(0);
    return prefix ? b.add(before, constant(step)) : before;
  }
  const address = keyAddress(body, map, key);
  const pointer = code.helper("map_lookup_elem", b.mapRef(storage.name), address);
  const hit = code.block("hit");
  const miss = code.block("miss");
  const end = code.block("incremented");
  code.branch("ne", pointer, b.null(), hit, miss, { likely: true });
  code.at(hit);
  const before = addInPlace(body, pointer, type, step, wanted) ?? constant(0);
  const fromHit = b.current;
  code.jump(end);
  code.at(miss);
  const initial = body.temporary(roundUp(storage.valueSize, 8), 8, "value");
  b.store(widthOf(type), initial.base, constant(step), { offset: initial.offset });
  updateElement(body, map, address, addressOf(body, initial));
  const fromMiss = b.current;
  code.jump(end);
  code.at(end);
  if (!wanted) return constant(0);
  const old = code.phi([
    [fromHit, before],
    [fromMiss, constant(0)],
  ]);
  return prefix ? b.add(old, constant(step)) : old;
}

/** Yields the number before, where it is wanted. */
function addInPlace(body: Body, base: Value, type: Type, by: number, wanted: boolean): Value | undefined {
  const { b } = body;
  const width = widthOf(type);
  if (!wanted && (width === 8 || width === 4)) {
    b.atomic("void", "add", width, base, width === 8 ? b.i64(by) : b.i32(by));
    return undefined;
  }
  const wide = isWide(type);
  const signed = type.kind === "int" && type.signed;
  const before = b.load(wide ? "i64" : "i32", width, base, { signed });
  b.store(width, base, b.add(before, wide ? b.i64(by) : b.i32(by)));
  return before;
}
