import type { Value, Width } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf, type TupleType, tupleLayout, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import { clear, copyString, copyValue } from "./copy.ts";
import { isScalar } from "./value-form.ts";
import { storeAddress, storeBuffer, storeMac, storeStack, storeUserSymbol } from "./memory-calls.ts";
import { addressOf, readString, widthOf } from "./place.ts";
import { COMM } from "./facts.ts";
import { type Destination, directPlace } from "./memory.ts";
import { extend } from "./scalar-form.ts";

/** Writes a value straight to where it is wanted. */
export function lowerStore(body: Body, expression: TypedExpression, to: Destination): void {
  const { type } = expression;
  if (isScalar(type)) {
    body.b.store(widthOf(type), to.base, body.scalar(expression), { offset: to.offset });
    return;
  }
  switch (expression.kind) {
    case "string":
      return storeText(body, expression.value, sizeOf(type), to);
    case "tuple":
      return storeTuple(body, expression.elements, type, to);
    case "builtin":
      return storeBuiltin(body, expression, to);
    case "call":
      return storeCall(body, expression, to);
    case "ternary":
      return storeTernary(body, expression, to);
    case "cast":
      return storeCast(body, expression, to);
    case "blockValue":
      body.block(expression.block);
      return body.store(expression.value, to);
    default:
      return copyValue(body, body.locate(expression), type, to);
  }
}

const encoder = new TextEncoder();

/** A known text with its NUL, cut to `size`. */
function storeText(body: Body, text: string, size: number, to: Destination): void {
  const bytes = new Uint8Array(size);
  bytes.set(encoder.encode(text).subarray(0, size - 1));
  const used = to.clean ? size : Math.min(size, encoder.encode(text).length + 1);
  storeBytes(body, bytes.subarray(0, used), to);
}

export function storeBytes(body: Body, bytes: Uint8Array, to: Destination): void {
  const { b } = body;
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  let offset = 0;
  while (offset < end) {
    const width = widest(bytes.length - offset, to.offset + offset);
    let value = 0n;
    for (let index = width - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[offset + index]!);
    b.store(width, to.base, width === 8 ? b.i64(value) : b.i32(value), { offset: to.offset + offset });
    offset += width;
  }
  if (offset < bytes.length) clear(body, to, offset, bytes.length - offset);
}

function widest(left: number, offset: number): Width {
  for (const width of [8, 4, 2] as const) if (left >= width && offset % width === 0) return width;
  return 1;
}

function storeTuple(body: Body, elements: readonly TypedExpression[], type: Type, to: Destination): void {
  if (type.kind !== "tuple") throw new TypeError(`a tuple cannot be a ${type.kind}`);
  const { offsets } = tupleLayout(type);
  if (to.clean) clearPadding(body, type, to);
  elements.forEach((element, index) => {
    body.store(element, { ...to, offset: to.offset + offsets[index]! });
  });
}

/** Bytes between and behind a tuple's members. */
function clearPadding(body: Body, type: TupleType, to: Destination): void {
  const { offsets, size } = tupleLayout(type);
  type.fields.forEach((field, index) => {
    const end = offsets[index]! + sizeOf(field.type);
    clear(body, to, end, (offsets[index + 1] ?? size) - end);
  });
}

function storeBuiltin(
  body: Body,
  expression: TypedExpression & { readonly kind: "builtin" },
  to: Destination,
): void {
  const { b, code } = body;
  const size = sizeOf(expression.type);
  switch (expression.name) {
    case "comm": {
      const known = body.facts.get(COMM);
      if (known !== undefined) return copyValue(body, directPlace(known), expression.type, to);
      // Some kernels leave what is behind the name as it was (6.1: strscpy in bpf_get_current_comm).
      if (to.clean) clear(body, to, 0, size);
      code.helper("get_current_comm", addressOf(body, to), b.i32(Math.min(size, COMM_SIZE)));
      return;
    }
    case "probe":
      return storeText(body, body.target.name, size, to);
    default:
      return copyValue(body, body.locate(expression), expression.type, to);
  }
}

/** TASK_COMM_LEN. */
const COMM_SIZE = 16;

function storeCall(
  body: Body,
  expression: TypedExpression & { readonly kind: "call" },
  to: Destination,
): void {
  const { type } = expression;
  switch (expression.name) {
    case "str":
      return storeStr(body, expression, sizeOf(type), to);
    case "buf":
      return storeBuffer(body, expression, to);
    case "kstack":
    case "ustack":
      return storeStack(body, type, to);
    case "usym":
      return storeUserSymbol(body, expression, to);
    case "ntop":
      return storeAddress(body, expression, to);
    case "macaddr":
      return storeMac(body, expression, to);
    case "kptr":
    case "uptr":
      return body.store(expression.arguments[0]!, to);
    case "path":
      body.code.helper(
        "d_path",
        body.scalar(expression.arguments[0]!),
        addressOf(body, to),
        body.b.i32(sizeOf(type)),
      );
      return;
    default:
      body.unit.error("not-yet", `${expression.name}() cannot be compiled yet`, expression.span);
  }
}

/** `str(pointer[, length])` */
function storeStr(
  body: Body,
  call: TypedExpression & { readonly kind: "call" },
  size: number,
  to: Destination,
): void {
  const [pointer, length] = call.arguments;
  if (pointer === undefined) throw new TypeError("str takes a pointer");
  if (!isScalar(pointer.type)) return copyString(body, body.locate(pointer), size, to);
  const { type } = pointer;
  const target = type.kind === "pointer" ? type : undefined;
  const place = target
    ? body.locate({ kind: "dereference", operand: pointer, type: target.target, span: pointer.span })
    : { base: body.scalar(pointer), offset: 0, space: "kernel" as const };
  if (to.clean) clear(body, to, 0, size);
  readString(body, place, to, stringLimit(body, length, size));
}

/** How many bytes may be read: a length that is only known at run time is cut to the room. */
function stringLimit(body: Body, length: TypedExpression | undefined, size: number): Value {
  const { b } = body;
  if (length === undefined || length.kind === "integer") return b.i32(size);
  return atMost(body, extend(body, body.scalar(length), length.type), size);
}

/** The number, or `most` when it is more (unsigned). */
export function atMost(body: Body, value: Value, most: number): Value {
  const { b, code } = body;
  const from = b.current;
  const large = code.block("large");
  const end = code.block("bounded");
  code.branch("ugt", value, b.i64(most), large, end, { likely: false });
  code.at(large);
  code.jump(end);
  code.at(end);
  return code.phi([
    [from, value],
    [large, b.i64(most)],
  ]);
}

function storeTernary(
  body: Body,
  expression: TypedExpression & { readonly kind: "ternary" },
  to: Destination,
): void {
  const { code, facts } = body;
  const whenTrue = code.block("then");
  const whenFalse = code.block("else");
  const end = code.block("join");
  const known = body.test(expression.condition, whenTrue, whenFalse);
  code.at(whenTrue);
  facts.within(() => body.store(expression.then, to), known);
  code.jump(end);
  code.at(whenFalse);
  facts.within(() => body.store(expression.otherwise, to));
  code.jump(end);
  code.at(end);
}

function storeCast(
  body: Body,
  expression: TypedExpression & { readonly kind: "cast" },
  to: Destination,
): void {
  const { operand, type } = expression;
  if (type.kind === "string" && operand.type.kind === "string") {
    const from = sizeOf(operand.type);
    const size = sizeOf(type);
    if (from <= size) {
      body.store(operand, to);
      if (to.clean) clear(body, to, from, size - from);
    } else if (operand.kind === "string") storeText(body, operand.value, size, to);
    else if (operand.kind === "call" && operand.name === "str") storeStr(body, operand, size, to);
    else copyString(body, body.locate(operand), size, to);
    return;
  }
  if (type.kind === "tuple" && operand.type.kind === "tuple") {
    storeConvertedTuple(body, operand, operand.type, type, to);
    return;
  }
  if (isScalar(operand.type)) {
    // An integer as an array of its bytes.
    body.b.store(widthOf(operand.type), to.base, body.scalar(operand), { offset: to.offset });
    return;
  }
  copyValue(body, body.locate(operand), type, to);
}

/** A tuple whose members change their size, one by one. */
function storeConvertedTuple(
  body: Body,
  operand: TypedExpression,
  from: TupleType,
  type: TupleType,
  to: Destination,
): void {
  const { span } = operand;
  const elements = type.fields.map((field, index): TypedExpression => {
    const source = from.fields[index]!.type;
    const element: TypedExpression =
      operand.kind === "tuple"
        ? operand.elements[index]!
        : { kind: "tupleField", operand, index, type: source, span };
    return { kind: "cast", operand: element, type: field.type, span };
  });
  storeTuple(body, elements, type, to);
}
