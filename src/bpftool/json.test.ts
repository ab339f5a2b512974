import { expect, test } from "vitest";
import { formatJson, RawJson } from "./json.ts";

test("formatJson() breaks lines as bpftool does", () => {
  const value = [{ id: 1, map_ids: [4, 5], name: 'a"b\n', none: undefined }, {}];
  expect(formatJson(value, false)).toBe('[{"id":1,"map_ids":[4,5],"name":"a\\"b\\n"},{}]');
  expect(formatJson(value, true)).toBe(
    '[{\n        "id": 1,\n        "map_ids": [4,5\n        ],\n        "name": "a\\"b\\n"\n    },{}\n]',
  );
  expect(formatJson({ big: 2n ** 64n - 1n, hex: new RawJson("0x5") }, false)).toBe(
    '{"big":18446744073709551615,"hex":0x5}',
  );
});
