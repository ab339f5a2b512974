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
 * takes variable offsets. Yields the record's size then. A string that cannot be read counts as empty: the
 * helper left a NUL there.
 */
export function appendStrings(body: Body, array: TypedExpression, record: Value, size: number): Value {
  const { b, code } = body;
  const user = stringSpace(body, array) === "user";
  const first = array.type.kind === "array" ? fieldAddress(body, body.locate(array)) : body.scalar(array);
  const readBytes = user ? "probe_read_user" : "probe_read_kernel";
  const readText = user ? "probe_read_user_str" : "probe_read_kernel_str";

  // `skip` comes first and again for what is unreadable, and the last branch has no likely side: it falls
  // through to the usual way, which the verifier then follows first, with the wider range of lengths, and
  // finds the other one to be covered. The opposite order costs it thirty times as many steps.
  const skip = code.block("one byte");
  const head = code.block("next string");
  const more = code.block("room");
  const look = code.block("look");
  const copy = code.block("copy");
  const end = code.block("joined");
  const slot = b.alloca(8, 8, "string");
  const zeroth = b.sub(first, b.i64(8));
  const start = b.current;
  code.jump(skip);

  code.atLoop(skip);
  const before = b.phi("i64", [[start, b.i64(size - 1)]]);
  const behind = b.phi("i64", [[start, zeroth]]);
  const rounds = b.phi("i64", [[start, b.i64(MOST_STRINGS + 1)]]);
  code.jump(head);

  code.atLoop(head);
  const length = b.phi("i64", [[skip, b.i64(1)]]);
  const used = b.phi("i64", [[skip, before]]);
  const previous = b.phi("i64", [[skip, behind]]);
  const left = b.phi("i64", [[skip, rounds]]);
  const after = b.add(used, length);
  const remaining = b.sub(left, b.i64(1));
  code.branch("ugt", after, b.i64(size + FULL), end, more, { likely: false });
  code.at(more);
  code.branch("eq", remaining, b.i64(0), end, look, { likely: false });
  code.at(look);
  const address = b.add(previous, b.i64(8));
  code.helper(readBytes, slot, b.i32(8), address);
  const string = b.load("i64", 8, slot);
  code.branch("eq", string, b.i64(0), end, copy, { likely: false });
  code.at(copy);
  const bytes = code.helper(readText, b.add(record, after), b.i32(LONGEST), string);
  addIncoming(length, copy, bytes);
  for (const phi of [used, before]) addIncoming(phi, copy, after);
  for (const phi of [previous, behind]) addIncoming(phi, copy, address);
  for (const phi of [left, rounds]) addIncoming(phi, copy, remaining);
  code.branch("sle", bytes, b.i64(0), skip, head);
  code.sealLoop(skip);
  code.sealLoop(head);
  code.at(end);
  return after;
}

function stringSpace(body: Body, array: TypedExpression): "kernel" | "user" {
  const { type } = array;
  const space = type.kind === "pointer" || type.kind === "array" ? type.space : "unknown";
  return readingSpace(body, space) === "user" ? "user" : "kernel";
}
