import { addIncoming, type Value } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import type { Body } from "./body.ts";
import { readingSpace } from "./location.ts";
import { fieldAddress } from "./place.ts";

/** Strings of an array that are taken. */
const MOST_STRINGS = 64;
/** Longest of them, the NUL included. */
const LONGEST = 1024;
/** A string begins only while this much is used. */
const FULL = 16 * 1024;
export const JOIN_ROOM: number = FULL + LONGEST;

/**
 * Copies the strings of a NULL-ended array, one after another, behind `size` bytes of a record in memory that
 * takes variable offsets. Yields the record's size then. A string that cannot be read counts as empty.
 */
export function appendStrings(body: Body, array: TypedExpression, record: Value, size: number): Value {
  const { b, code } = body;
  const user = stringSpace(body, array) === "user";
  const first = array.type.kind === "array" ? fieldAddress(body, body.locate(array)) : body.scalar(array);
  const readBytes = user ? "probe_read_user" : "probe_read_kernel";
  const readText = user ? "probe_read_user_str" : "probe_read_kernel_str";

  const head = code.block("next string");
  const copy = code.block("copy string");
  const unreadable = code.block("unreadable");
  const counted = code.block("counted");
  const room = code.block("room");
  const end = code.block("joined");
  const start = b.current;
  const slot = b.alloca(8, 8, "string");
  code.jump(head);
  code.atLoop(head);
  const used = b.phi("i64", [[start, b.i64(size)]]);
  const address = b.phi("i64", [[start, first]]);
  const left = b.phi("i64", [[start, b.i64(MOST_STRINGS)]]);
  code.helper(readBytes, slot, b.i32(8), address);
  const string = b.load("i64", 8, slot);
  code.branch("ne", string, b.i64(0), copy, end, { likely: true });
  code.at(copy);
  const length = code.helper(readText, b.add(record, used), b.i32(LONGEST), string);
  code.branch("sle", length, b.i64(0), unreadable, counted, { likely: false });
  // The helper left a NUL there.
  code.at(unreadable);
  code.jump(counted);
  code.at(counted);
  const bytes = code.phi([
    [copy, length],
    [unreadable, b.i64(1)],
  ]);
  const after = b.add(used, bytes);
  const remaining = b.sub(left, b.i64(1));
  code.branch("ugt", after, b.i64(size + FULL), end, room, { likely: false });
  code.at(room);
  addIncoming(used, room, after);
  addIncoming(address, room, b.add(address, b.i64(8)));
  addIncoming(left, room, remaining);
  code.branch("ne", remaining, b.i64(0), head, end, { likely: true });
  code.sealLoop(head);
  code.at(end);
  return code.phi([
    [head, used],
    [counted, after],
    [room, after],
  ]);
}

function stringSpace(body: Body, array: TypedExpression): "kernel" | "user" {
  const { type } = array;
  const space = type.kind === "pointer" || type.kind === "array" ? type.space : "unknown";
  return readingSpace(body, space) === "user" ? "user" : "kernel";
}
