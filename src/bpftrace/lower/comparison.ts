import { addIncoming, type Block, type Value, type Width } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf } from "../types.ts";
import type { Body } from "./body.ts";
import { addressOf, fieldAddress, readMemory, readString } from "./place.ts";
import type { Place } from "./memory.ts";

/** `==` and `!=` of strings, buffers, arrays and tuples. */
export function compareMemory(
  body: Body,
  left: TypedExpression,
  right: TypedExpression,
  equal: boolean,
  whenTrue: Block,
  whenFalse: Block,
): void {
  const [same, different] = equal ? [whenTrue, whenFalse] : [whenFalse, whenTrue];
  body.withTemporaries(() => {
    const leftText = literalText(left);
    const rightText = literalText(right);
    if (left.type.kind === "string") {
      if (leftText !== undefined && rightText !== undefined)
        body.code.jump(leftText === rightText ? same : different);
      else if (rightText !== undefined) compareLiteral(body, left, rightText, undefined, same, different);
      else if (leftText !== undefined) compareLiteral(body, right, leftText, undefined, same, different);
      else compareStrings(body, left, right, sizeOf(left.type), same, different);
      return;
    }
    compareBytes(body, clean(body, left), clean(body, right), sizeOf(left.type), same, different);
  });
}

export function literalText(expression: TypedExpression): string | undefined {
  if (expression.kind === "string") return expression.value;
  if (expression.kind === "cast" && expression.type.kind === "string") return literalText(expression.operand);
  return undefined;
}

const encoder = new TextEncoder();

/**
 * Compares with a known text: as many bytes as it has, as words, with its NUL unless only the first `length` bytes
 * count. Strings from elsewhere are read no further than that.
 */
export function compareLiteral(
  body: Body,
  string: TypedExpression,
  text: string,
  length: number | undefined,
  same: Block,
  different: Block,
): void {
  const { b, code } = body;
  const all = encoder.encode(`${text}\0`);
  const bytes = length === undefined ? all : all.subarray(0, length);
  const size = sizeOf(string.type);
  // A text that does not fit can only equal what was cut off, which is not the same.
  if (bytes.length > size && length === undefined) return code.jump(different);
  const compared = bytes.subarray(0, size);
  const place = stringPrefix(body, string, compared.length);
  for (const { offset, width, value } of words(compared)) {
    const next = code.block("same");
    const loaded = b.load(width === 8 ? "i64" : "i32", width, place.base, { offset: place.offset + offset });
    code.branch("eq", loaded, width === 8 ? b.i64(value) : b.i32(value), next, different);
    code.at(next);
  }
  code.jump(same);
}

/** The bytes as aligned little-endian words; the widest that one comparison with an immediate takes is 4. */
function* words(bytes: Uint8Array): Generator<{ offset: number; width: Width; value: bigint }> {
  let offset = 0;
  while (offset < bytes.length) {
    const left = bytes.length - offset;
    const width: Width = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    let value = 0n;
    for (let index = width - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[offset + index]!);
    yield { offset, width, value };
    offset += width;
  }
}

/** Memory of the program that holds at least the first `length` bytes of the string, with one byte more read. */
function stringPrefix(body: Body, string: TypedExpression, length: number): Place {
  const place = stringSource(body, string);
  if (place.space !== "direct" || place.nullable) return shortString(body, place, length);
  return place;
}

/** Where a string's bytes come from: what str() would copy is left where it is. */
export function stringSource(body: Body, string: TypedExpression): Place {
  const inner = string.kind === "cast" && string.operand.type.kind === "string" ? string.operand : string;
  const pointer = inner.kind === "call" && inner.name === "str" ? inner.arguments[0] : undefined;
  return body.locate(pointer?.type.kind === "pointer" ? deref(pointer) : inner);
}

function deref(pointer: TypedExpression): TypedExpression {
  const type = pointer.type.kind === "pointer" ? pointer.type.target : pointer.type;
  return { kind: "dereference", operand: pointer, type, span: pointer.span };
}

function shortString(body: Body, place: Place, length: number): Place {
  const { b } = body;
  // One byte more than compared: a longer string must not look like its beginning.
  const size = length + 1;
  const slot = body.temporary(size, 8, "text");
  // Bytes behind the NUL stay as they were: the words that hold them differ at the NUL already.
  readString(body, { ...place, nullable: false }, slot, b.i32(size));
  return slot;
}

/** A place in the program's memory, with the bytes after a string's NUL cleared. */
function clean(body: Body, expression: TypedExpression): Place {
  const place = body.locate(expression);
  if (place.space === "direct" && !place.nullable) return place;
  const size = sizeOf(expression.type);
  const slot = body.temporary(size, 8, "operand");
  readMemory(body, { ...place, nullable: false }, slot, size);
  return slot;
}

function compareBytes(
  body: Body,
  left: Place,
  right: Place,
  size: number,
  same: Block,
  different: Block,
): void {
  const { b, code } = body;
  for (let offset = 0; offset < size;) {
    const left8 = size - offset;
    const width: Width = left8 >= 8 ? 8 : left8 >= 4 ? 4 : left8 >= 2 ? 2 : 1;
    const type = width === 8 ? "i64" : "i32";
    const first = b.load(type, width, left.base, { offset: left.offset + offset });
    const second = b.load(type, width, right.base, { offset: right.offset + offset });
    const next = code.block("same");
    code.branch("eq", first, second, next, different);
    code.at(next);
    offset += width;
  }
  code.jump(same);
}

/** Byte by byte until both end or differ, `limit` bytes at most. */
export function compareStrings(
  body: Body,
  left: TypedExpression,
  right: TypedExpression,
  limit: number,
  same: Block,
  different: Block,
): void {
  const { b, code } = body;
  const first = indexable(body, left);
  const second = indexable(body, right);
  const count = Math.min(limit, sizeOf(left.type), sizeOf(right.type));
  const head = code.block("compare");
  const equal = code.block("equal");
  const next = code.block("next");
  const start = b.current;
  code.jump(head);
  code.atLoop(head);
  const index = b.phi("i64");
  const a = b.load("i32", 1, b.add(first, index));
  const c = b.load("i32", 1, b.add(second, index));
  code.branch("eq", a, c, equal, different);
  code.at(equal);
  code.branch("eq", a, b.i32(0), same, next);
  code.at(next);
  const after = b.add(index, b.i64(1));
  addIncoming(index, start, b.i64(0));
  addIncoming(index, next, after);
  code.branch("ult", after, b.i64(count), head, same);
  code.sealLoop(head);
}

/** An address in memory that takes variable offsets on every kernel: not the stack. */
function indexable(body: Body, string: TypedExpression): Value {
  const place = body.locate(string);
  const inMap = place.space === "direct" && !place.nullable && place.base.op !== "alloca";
  if (inMap) return fieldAddress(body, place);
  const slot = body.scratch(sizeOf(string.type));
  readString(body, { ...place, nullable: false }, slot, body.b.i32(sizeOf(string.type)));
  return addressOf(body, slot);
}
