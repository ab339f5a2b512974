import { expect, test } from "vitest";
import { layOutLocally } from "./local-layout.ts";
import type { LocalType } from "./local-types.ts";

const int: LocalType = { kind: "int", name: "int", size: 4, signed: true, char: false, bool: false };
const pointer: LocalType = { kind: "pointer", target: 0 };

function task(parentOffset: number, tgidOffset: number, size: number): LocalType[] {
  const inner = { name: "value", type: 1, bitOffset: tgidOffset, bitWidth: 0 };
  return [
    int,
    pointer,
    {
      kind: "struct",
      name: "task_struct",
      size,
      members: [
        { name: "tgid", type: 1, bitOffset: tgidOffset, bitWidth: 0 },
        { name: "parent", type: 2, bitOffset: parentOffset, bitWidth: 0 },
        { name: "signal", type: 4, bitOffset: 512, bitWidth: 0 },
      ],
    },
    { kind: "union", name: "kernel_value", size: 4096, members: [inner, { ...inner, type: 2 }] },
    { kind: "struct", name: "", size: 16, members: [{ name: "key", type: 2, bitOffset: 64, bitWidth: 0 }] },
  ];
}

test("records of two kernels become the same", () => {
  const records = new Set([3, 4]);
  const one = layOutLocally(task(18048, 17888, 9344), records);
  expect(one).toEqual(layOutLocally(task(22656, 22496, 6080), records));
  const [, , record, union] = one;
  expect(record).toMatchObject({
    size: 24,
    members: [{ bitOffset: 0 }, { bitOffset: 64 }, { bitOffset: 128 }],
  });
  expect(union).toMatchObject({ size: 8, members: [{ bitOffset: 0 }, { bitOffset: 0 }] });
});

test("the script's own records stay as they are", () => {
  const types = task(64, 0, 128);
  expect(layOutLocally(types, new Set([3]))[4]).toBe(types[4]);
});

test("a record within itself ends", () => {
  const looped: LocalType[] = [
    { kind: "struct", name: "a", size: 8, members: [{ name: "a", type: 1, bitOffset: 0, bitWidth: 0 }] },
  ];
  expect(layOutLocally(looped, new Set([1]))[0]).toMatchObject({ name: "a" });
});
