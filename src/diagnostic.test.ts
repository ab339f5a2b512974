import { array, assert, constantFrom, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { Lines, locate } from "./diagnostic.ts";

test.each([
  ["", 0, 1, 1],
  ["a\nb", 0, 1, 1],
  ["a\nb", 1, 1, 2],
  ["a\nb", 2, 2, 1],
  ["a\nb", 3, 2, 2],
  ["\n\n", 2, 3, 1],
  ["a", 9, 1, 10],
])("%j at %i", (text, offset, line, column) => {
  expect(locate({ name: "x", text }, offset)).toEqual({ line, column });
});

test("an offset is as many characters behind its line's start as its column says", () => {
  assert(
    property(array(constantFrom("a", "\n", "é")), nat(40), (parts, offset) => {
      const text = parts.join("");
      const { line, column } = new Lines(text).locate(offset);
      const before = text.split("\n").slice(0, line - 1);
      expect(before.join("\n").length + (before.length > 0 ? 1 : 0) + column - 1).toBe(offset);
      expect(text.slice(0, offset).split("\n")).toHaveLength(line);
    }),
  );
});
