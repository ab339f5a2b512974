import { addIncoming, type Block } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf } from "../types.ts";
import type { Body } from "./body.ts";
import { literalText, stringSource } from "./comparison.ts";
import { addressOf, readString } from "./place.ts";

/** Comparisons of one byte that the verifier follows in reasonable time. */
const MOST_COMPARISONS = 8192;

/** `strcontains(haystack, needle)` with a needle that only the program knows. */
function searchString(
  body: Body,
  haystack: TypedExpression,
  needle: TypedExpression,
  found: Block,
  missing: Block,
): void {
  const { b, code, unit } = body;
  const size = sizeOf(haystack.type);
  const most = sizeOf(needle.type);
  if (size * most > MOST_COMPARISONS) {
    unit.error("too-large", "strcontains() of strings this long wants a literal to look for", needle.span, [
      "Give str() a length, as in str(pointer, 32).",
    ]);
    return code.jump(missing);
  }
  const memory = body.scratch(size + most);
  const wanted = body.scratch(most);
  const length = readString(body, { ...stringSource(body, haystack), nullable: false }, memory, b.i32(size));
  readString(body, { ...stringSource(body, needle), nullable: false }, wanted, b.i32(most));
  const start = addressOf(body, memory);

  const head = code.block("search");
  const next = code.block("next");
  const more = code.block("more");
  const before = b.current;
  code.jump(head);
  code.atLoop(head);
  const index = b.phi("i64", [[before, b.i64(0)]]);
  const here = b.add(start, index);
  for (let offset = 0; offset < most; offset++) {
    const byte = b.load("i32", 1, wanted.base, { offset: wanted.offset + offset });
    const compare = code.block("compare");
    const equal = code.block("equal");
    code.branch("eq", byte, b.i32(0), found, compare);
    code.at(compare);
    // The end of the string differs from every byte that is looked for.
    code.branch("eq", b.load("i32", 1, here, { offset }), byte, equal, next);
    code.at(equal);
  }
  code.jump(found);
  code.at(next);
  const after = b.add(index, b.i64(1));
  code.branch("slt", after, length, more, missing);
  code.at(more);
  addIncoming(index, more, after);
  code.branch("ult", after, b.i64(size), head, missing);
  code.sealLoop(head);
}

/** `strcontains(haystack, needle)` with a known needle: a loop over the haystack's bytes. */
export function searchText(
  body: Body,
  haystack: TypedExpression,
  needle: TypedExpression,
  found: Block,
  missing: Block,
): void {
  const { b, code } = body;
  const text = literalText(needle);
  if (text === undefined) return searchString(body, haystack, needle, found, missing);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === 0) return code.jump(found);
  const size = sizeOf(haystack.type);
  // Room behind the string, so that a comparison that begins at its end stays inside.
  const memory = body.scratch(size + bytes.length);
  const length = readString(body, { ...stringSource(body, haystack), nullable: false }, memory, b.i32(size));
  const start = addressOf(body, memory);

  const head = code.block("search");
  const hit = code.block("hit");
  const next = code.block("next");
  const more = code.block("more");
  const before = b.current;
  code.jump(head);
  code.atLoop(head);
  const index = b.phi("i64", [[before, b.i64(0)]]);
  const here = b.add(start, index);
  // One branch for all bytes: the verifier follows every way there is, in each round.
  const differences = [...bytes].map((byte, offset) =>
    b.binary("xor", b.load("i32", 1, here, { offset }), b.i32(byte)),
  );
  const difference = differences.reduce((all, one) => b.binary("or", all, one));
  code.branch("eq", difference, b.i32(0), hit, next, { likely: false });
  code.at(hit);
  // Bytes behind the NUL are old ones.
  code.branch("slt", b.add(index, b.i64(bytes.length)), length, found, missing);
  code.at(next);
  const after = b.add(index, b.i64(1));
  code.branch("slt", after, length, more, missing);
  code.at(more);
  addIncoming(index, more, after);
  code.branch("ult", after, b.i64(size), head, missing);
  code.sealLoop(head);
}
