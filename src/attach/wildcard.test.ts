import * as fc from "fast-check";
import { expect, it, test } from "vitest";
import { wildcard } from "./wildcard.ts";

test.each<[string, string, boolean]>([
  ["tcp_*", "tcp_sendmsg", true],
  ["tcp_*", "udp_sendmsg", false],
  ["*read*", "vfs_read", true],
  ["vfs_?ead", "vfs_read", true],
  ["vfs_?ead", "vfs_ead", false],
  ["*a*b", "xaxbxb", true],
  ["", "", true],
  ["*", "", true],
  ["a.c", "abc", false],
])("%s and %s: %s", (pattern, name, expected) => {
  expect(wildcard(pattern)(name)).toBe(expected);
});

it("agrees with a regular expression", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  fc.assert(
    fc.property(text, name, (pattern, subject) => {
      const expression = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
      expect(wildcard(pattern)(subject)).toBe(expression.test(subject));
    }),
  );
});
