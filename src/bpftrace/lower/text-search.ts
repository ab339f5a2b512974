import { addIncoming, type Block } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf } from "../types.ts";
import type { Body } from "./body.ts";
import { literalText, stringSource } from "./comparison.ts";
import { addressOf, readString } from "./place.ts";

/** `strcontains(haystack, needle)` with a known needle: a loop over the haystack's bytes. */
export function searchText(
  body: Body,
  haystack: TypedExpression,
  needle: TypedExpression,
  found: Block,
  missing: Block,
): void {
  const { b, code, unit } = body;
  const text = literalText(needle);
  if (text === undefined) {
    unit.error("not-yet", "strcontains() wants a literal as its second argument", needle.span);
    return code.jump(missing);
  }
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
