import { addIncoming, type Value } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import type { Body, CallbackShape } from "./body.ts";
import type { HelperName } from "./helpers.ts";
import { readingSpace } from "./location.ts";
import { fieldAddress } from "./place.ts";

/** Strings of an array that are taken. */
const MOST_STRINGS = 64;
/** Longest of them, the NUL included. */
const LONGEST = 1024;
/** A string begins only while this much is used. */
const FULL = 16 * 1024;
export const JOIN_ROOM: number = FULL + LONGEST;

/** A record, in memory that takes variable offsets. */
export interface JoinRecord {
  readonly base: Value;
  /** Bytes that it has before the strings. */
  readonly size: number;
  /** Where it keeps their number of bytes, a u32. */
  readonly lengthOffset: number;
}

interface Strings {
  /** Address of the array. */
  readonly first: Value;
  readonly readBytes: HelperName;
  readonly readText: HelperName;
}

/**
 * Copies the strings of a NULL-ended array, one after another, to the end of a record. Yields the record's size
 * then. A string that cannot be read counts as empty: the helper left a NUL there.
 */
export function appendStrings(body: Body, array: TypedExpression, record: JoinRecord): Value {
  const first = array.type.kind === "array" ? fieldAddress(body, body.locate(array)) : body.scalar(array);
  const strings: Strings =
    stringSpace(body, array) === "user"
      ? { first, readBytes: "probe_read_user", readText: "probe_read_user_str" }
      : { first, readBytes: "probe_read_kernel", readText: "probe_read_kernel_str" };
  return body.unit.target.features.loop
    ? appendByCallback(body, strings, record)
    : appendInLoop(body, strings, record);
}

/** bpf_loop calls back with a number and data. */
const ROUND: CallbackShape = { parameters: 2, data: 1 };
/** What the rounds share, behind the room of the context. */
const RECORD = 8;
const ADDRESS = 16;
const SHARED = 24;

/**
 * The verifier takes all rounds of bpf_loop for one if none knows more than another: the length is kept in the
 * record, whose content it does not follow. Unrolled in its eyes, as {@link appendInLoop} is, the loop takes it some
 * milliseconds.
 */
function appendByCallback(body: Body, { first, ...helpers }: Strings, record: JoinRecord): Value {
  const { b, code } = body;
  const { base, size, lengthOffset } = record;
  const shared = b.alloca(SHARED, 8, "strings");
  b.store(4, base, b.i32(0), { offset: lengthOffset });
  b.store(8, shared, base, { offset: RECORD });
  b.store(8, shared, first, { offset: ADDRESS });
  const name = `join_${body.module.functions.length}`;
  writeRound(body.callback(name, ROUND), helpers, record);
  code.helper("loop", b.i32(MOST_STRINGS), b.functionRef(name), shared, b.i64(0));
  const length = b.convert("zext32", b.load("i32", 4, base, { offset: lengthOffset }));
  const known = code.block("length");
  // Never beyond: said again for the verifier.
  code.branch("ugt", length, b.i64(FULL + LONGEST), body.exit, known, { likely: false });
  code.at(known);
  return b.add(length, b.i64(size));
}

function writeRound(inner: Body, { readBytes, readText }: Omit<Strings, "first">, record: JoinRecord): void {
  const { b, code } = inner;
  const { size, lengthOffset } = record;
  const data = b.param(ROUND.data);
  const base = b.load("ptr", 8, data, { offset: RECORD });
  const address = b.load("i64", 8, data, { offset: ADDRESS });
  const length = b.convert("zext32", b.load("i32", 4, base, { offset: lengthOffset }));
  const room = code.block("room");
  const copy = code.block("copy");
  const some = code.block("some");
  const next = code.block("next string");
  code.branch("ugt", length, b.i64(FULL), inner.exit, room, { likely: false });
  code.at(room);
  const slot = b.alloca(8, 8, "string");
  code.helper(readBytes, slot, b.i32(8), address);
  const string = b.load("i64", 8, slot);
  code.branch("eq", string, b.i64(0), inner.exit, copy, { likely: false });
  code.at(copy);
  const bytes = code.helper(readText, b.add(b.add(base, length), b.i64(size)), b.i32(LONGEST), string);
  const unreadable = b.current;
  code.branch("sgt", bytes, b.i64(0), some, next, { likely: true });
  code.at(some);
  code.jump(next);
  code.at(next);
  const taken = code.phi([
    [unreadable, b.i64(1)],
    [some, bytes],
  ]);
  b.store(4, base, b.convert("trunc", b.add(length, taken)), { offset: lengthOffset });
  b.store(8, data, b.add(address, b.i64(8)), { offset: ADDRESS });
  code.ret(b.i32(0));
  // 1 ends the loop.
  inner.finish(1);
}

/** For kernels without bpf_loop. */
function appendInLoop(body: Body, { first, readBytes, readText }: Strings, record: JoinRecord): Value {
  const { b, code } = body;
  const { base, size, lengthOffset } = record;
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
  const bytes = code.helper(readText, b.add(base, after), b.i32(LONGEST), string);
  addIncoming(length, copy, bytes);
  for (const phi of [used, before]) addIncoming(phi, copy, after);
  for (const phi of [previous, behind]) addIncoming(phi, copy, address);
  for (const phi of [left, rounds]) addIncoming(phi, copy, remaining);
  code.branch("sle", bytes, b.i64(0), skip, head);
  code.sealLoop(skip);
  code.sealLoop(head);
  code.at(end);
  b.store(4, base, b.convert("trunc", b.sub(after, b.i64(size))), { offset: lengthOffset });
  return after;
}

function stringSpace(body: Body, array: TypedExpression): "kernel" | "user" {
  const { type } = array;
  const space = type.kind === "pointer" || type.kind === "array" ? type.space : "unknown";
  return readingSpace(body, space) === "user" ? "user" : "kernel";
}
