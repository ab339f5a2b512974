import { addIncoming, type Block } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf } from "../types.ts";
import type { Body } from "./body.ts";
import { literalText } from "./comparison.ts";
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
  const length = readString(body, { ...body.locate(haystack), nullable: false }, memory, b.i32(size));
  const start = addressOf(body, memory);

  const head = code.block("search");
  const next = code.block("next");
  const before = b.current;
  code.jump(head);
  code.atLoop(head);
  const index = b.phi("i64", [[before, b.i64(0)]]);
  const here = b.add(start, index);
  for (const [offset, byte] of bytes.entries()) {
    const equal = code.block("equal");
    code.branch("eq", b.load("i32", 1, here, { offset }), b.i32(byte), equal, next);
    code.at(equal);
  }
  // Bytes behind the NUL are old ones.
  const end = b.add(index, b.i64(bytes.length));
  code.branch("slt", end, length, found, next);
  code.at(next);
  const after = b.add(index, b.i64(1));
  addIncoming(index, next, after);
  code.branch("ult", after, b.i64(size), head, missing);
  code.sealLoop(head);
}
