import type { Value } from "../../ir/index.ts";
import { ERRNO } from "../../uapi/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import { isScalar } from "./value-form.ts";
import { currentPid } from "./builtins.ts";
import { callReader, countFailure } from "./failure.ts";
import { addressOf, fieldAddress, readMemory } from "./place.ts";
import type { Destination, Place } from "./memory.ts";
import { extend } from "./scalar-form.ts";

type Call = TypedExpression & { readonly kind: "call" };

/** Flag of bpf_get_stackid and bpf_get_stack. */
export const BPF_F_USER_STACK: number = 1 << 8;

/** Stack id, then for user stacks pid and probe. */
export function storeStack(body: Body, type: Type, to: Destination): void {
  const { b, code, unit } = body;
  if (type.kind !== "kstack" && type.kind !== "ustack") throw new TypeError(`${type.kind} is no stack`);
  const flags = type.kind === "ustack" ? BPF_F_USER_STACK : 0;
  const id = code.helper("get_stackid", body.context, b.mapRef(unit.stackMap(type)), b.i64(flags));
  b.store(8, to.base, id, { offset: to.offset });
  const taken = code.block("taken");
  const end = code.block("stack");
  code.branch("eq", id, b.i64(-ERRNO.EEXIST), taken, end, { likely: false });
  code.at(taken);
  countFailure(body, { kind: "stack", what: unit.stackMap(type) });
  code.jump(end);
  code.at(end);
  if (type.kind === "ustack") b.store(4, to.base, currentPid(body), { offset: to.offset + 8 });
  else if (to.clean) b.store(8, to.base, b.i64(0), { offset: to.offset + 8 });
  if (type.kind === "ustack") b.store(4, to.base, b.i32(0), { offset: to.offset + 12 });
}

/** Address, pid, probe. */
export function storeUserSymbol(body: Body, call: Call, to: Destination): void {
  const { b } = body;
  const [address] = call.arguments;
  if (address === undefined) throw new TypeError("usym takes an address");
  b.store(8, to.base, extend(body, body.scalar(address), address.type), { offset: to.offset });
  b.store(4, to.base, currentPid(body), { offset: to.offset + 8 });
  b.store(4, to.base, b.i32(0), { offset: to.offset + 12 });
}

/** `buf(pointer[, length])`: u32 length, bytes. */
export function storeBuffer(body: Body, call: Call, to: Destination): void {
  const { b, code } = body;
  const [source, length] = call.arguments;
  if (source === undefined || call.type.kind !== "buffer") throw new TypeError("buf takes an address");
  const room = call.type.size;
  const place = bytesAt(body, source);
  const payload = { base: to.base, offset: to.offset + 4 };
  if (length === undefined || length.kind === "integer") {
    const size = length === undefined ? room : Math.min(Number(length.value), room);
    b.store(4, to.base, b.i32(size), { offset: to.offset });
    if (size > 0) readMemory(body, place, payload, size);
    return;
  }
  const number = extend(body, body.scalar(length), length.type);
  const large = code.block("large");
  const end = code.block("bounded");
  const from = b.current;
  code.branch("ugt", number, b.i64(room), large, end, { likely: false });
  code.at(large);
  code.jump(end);
  code.at(end);
  const size = code.phi([
    [from, number],
    [large, b.i64(room)],
  ]);
  b.store(4, to.base, b.convert("trunc", size), { offset: to.offset });
  const reader = place.space === "user" ? "probe_read_user" : "probe_read_kernel";
  callReader(body, reader, addressOf(body, payload), size, fieldAddress(body, place));
}

/** What a pointer points to, or an array itself. */
function bytesAt(body: Body, source: TypedExpression): Place {
  if (!isScalar(source.type)) return body.locate(source);
  const { type, span } = source;
  if (type.kind === "pointer")
    return body.locate({ kind: "dereference", operand: source, type: type.target, span });
  return { base: body.scalar(source), offset: 0, space: "kernel" };
}

/** Address families of the session's decoder: Linux's numbers. */
const AF_INET = 2;
const AF_INET6 = 10;

/** `ntop([family,] address)`: u64 family, 16 bytes. */
export function storeAddress(body: Body, call: Call, to: Destination): void {
  const { b } = body;
  const address = call.arguments.at(-1);
  const family = call.arguments.length > 1 ? call.arguments[0] : undefined;
  if (address === undefined) throw new TypeError("ntop takes an address");
  const size = sizeOf(address.type);
  const known = isScalar(address.type) || size <= 4 ? AF_INET : AF_INET6;
  const value: Value = family ? extend(body, body.scalar(family), family.type) : b.i64(known);
  b.store(8, to.base, value, { offset: to.offset });
  const payload = { base: to.base, offset: to.offset + 8, clean: to.clean };
  if (isScalar(address.type)) {
    const number = body.scalar(address);
    b.store(4, to.base, number.type === "i32" ? number : b.convert("trunc", number), {
      offset: payload.offset,
    });
    if (to.clean) b.fill(to.base, 12, 4, { offset: payload.offset + 4 });
    return;
  }
  body.store(address, payload);
  if (to.clean && size < 16) b.fill(to.base, 16 - size, 4, { offset: payload.offset + size });
}

/** `macaddr(array)`: 6 bytes. */
export function storeMac(body: Body, call: Call, to: Destination): void {
  const [address] = call.arguments;
  if (address === undefined) throw new TypeError("macaddr takes an array");
  readMemory(body, bytesAt(body, address), to, 6);
}
