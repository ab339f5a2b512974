import type { Value } from "../../ir/index.ts";
import type { AggregateType } from "../types.ts";
import type { Body } from "./body.ts";

/** The i32 index of the bucket that a number (i64) falls into; see MapValue of the plan. */
export function bucketOf(
  body: Body,
  type: AggregateType & { readonly kind: "hist" | "lhist" },
  number: Value,
): Value {
  return type.kind === "lhist" ? linear(body, number, type) : logarithmic(body, number, type.bits);
}

function linear(
  body: Body,
  number: Value,
  { min, max, step }: { readonly min: number; readonly max: number; readonly step: number },
): Value {
  const { b, code } = body;
  const last = Math.ceil((max - min) / step) + 1;
  const outside = code.block("outside");
  const inside = code.block("inside");
  const above = code.block("above");
  const end = code.block("bucket");
  const distance = min === 0 ? number : b.sub(number, b.i64(min));
  // Below `min` the difference wraps around: one unsigned comparison finds both sides.
  code.branch("uge", distance, b.i64(max - min), outside, inside, { likely: false });
  code.at(inside);
  const steps = step === 1 ? distance : b.binary("udiv", distance, b.i64(step));
  const index = b.convert("trunc", b.add(steps, b.i64(1)));
  code.jump(end);
  code.at(outside);
  code.branch("slt", number, b.i64(min), end, above);
  code.at(above);
  code.jump(end);
  code.at(end);
  return code.phi([
    [inside, index],
    [outside, b.i32(0)],
    [above, b.i32(last)],
  ]);
}

/** Halves the range in which the top bit can be until two bits are left. */
const HALVES = [16, 8, 4, 2] as const;

function logarithmic(body: Body, number: Value, bits: number): Value {
  const { b, code } = body;
  const negative = b.current;
  const start = code.block("positive");
  const end = code.block("bucket");
  code.branch("slt", number, b.i64(0), end, start, { likely: false });
  code.at(start);
  // With one bucket a power of two the bucket is the sum of both parts, and this 1.
  const { rest, position } = topBit(body, number, bits === 0 ? 1 : 0);
  const index =
    bits === 0 ? powerBucket(body, rest, position) : subBucket(body, number, rest, position, bits);
  const last = b.current;
  code.jump(end);
  code.at(end);
  return code.phi([
    [negative, b.i32(0)],
    [last, index],
  ]);
}

/** `rest` is 0 to 3: the number without its lowest `position` bits, which are counted from `origin`. */
function topBit(body: Body, number: Value, origin: number): { rest: Value; position: Value } {
  const { b, code } = body;
  const high = b.binary("lshr", number, b.i64(32));
  const big = code.block("big");
  const reduced = code.block("reduced");
  const from = b.current;
  const low = b.convert("trunc", number);
  code.branch("ne", high, b.i64(0), big, reduced);
  code.at(big);
  const upper = b.convert("trunc", high);
  code.jump(reduced);
  code.at(reduced);
  let rest = code.phi([
    [from, low],
    [big, upper],
  ]);
  let position = code.phi([
    [from, b.i32(origin)],
    [big, b.i32(32 + origin)],
  ]);
  for (const half of HALVES) {
    const shift = code.block("shift");
    const next = code.block("next");
    const before = b.current;
    code.branch("ugt", rest, b.i32(2 ** half - 1), shift, next);
    code.at(shift);
    const shifted = b.binary("lshr", rest, b.i32(half));
    const moved = b.add(position, b.i32(half));
    code.jump(next);
    code.at(next);
    rest = code.phi([
      [before, rest],
      [shift, shifted],
    ]);
    position = code.phi([
      [before, position],
      [shift, moved],
    ]);
  }
  return { rest, position };
}

/** One bucket a power of two: 1 for 0, else 2 + the position of the top bit. */
function powerBucket(body: Body, rest: Value, position: Value): Value {
  const { b, code } = body;
  // 0, 1, 2, 3 give 1, 2, 3, 3.
  const cut = code.block("three");
  const end = code.block("two bits");
  const from = b.current;
  code.branch("ugt", rest, b.i32(2), cut, end);
  code.at(cut);
  code.jump(end);
  code.at(end);
  const step = code.phi([
    [from, rest],
    [cut, b.i32(2)],
  ]);
  return b.add(position, step);
}

function subBucket(body: Body, number: Value, rest: Value, position: Value, bits: number): Value {
  const { b, code } = body;
  const small = b.current;
  const large = code.block("large");
  const end = code.block("bucket");
  const direct = b.add(b.convert("trunc", number), b.i32(1));
  const whole = 2 ** bits;
  code.branch("uge", number, b.i64(whole), large, end, { likely: true });
  code.at(large);
  const top = b.add(position, b.binary("lshr", rest, b.i32(1)));
  const shift = b.sub(top, b.i32(bits));
  const shifted = b.convert("trunc", b.binary("lshr", number, b.convert("zext32", shift)));
  const sub = b.binary("and", shifted, b.i32(whole - 1));
  const exponent = b.binary("shl", b.add(shift, b.i32(1)), b.i32(bits));
  const index = b.add(b.add(exponent, sub), b.i32(1));
  code.jump(end);
  code.at(end);
  return code.phi([
    [small, direct],
    [large, index],
  ]);
}
