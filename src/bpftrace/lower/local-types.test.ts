import { expect, test } from "vitest";
import { BtfKind, parseBtf } from "../../btf/index.ts";
import { int8, stringOf, uint32 } from "../types.ts";
import type { BtfType, BtfView } from "../world.ts";
import { encodeBtf } from "./local-btf.ts";
import { LocalTypes } from "./local-types.ts";

const kernelTypes: readonly BtfType[] = [
  { kind: "void" },
  { kind: "int", name: "int", size: 4, signed: true, bool: false, char: false },
  { kind: "pointer", target: 3 },
  {
    kind: "struct",
    name: "task",
    size: 64,
    members: [
      { name: "unused", type: 1, bitOffset: 0, bitWidth: 0 },
      { name: "", type: 4, bitOffset: 64, bitWidth: 0 },
      { name: "pids", type: 5, bitOffset: 128, bitWidth: 0 },
      { name: "flag", type: 1, bitOffset: 261, bitWidth: 3 },
    ],
  },
  { kind: "union", name: "", size: 8, members: [{ name: "parent", type: 2, bitOffset: 0, bitWidth: 0 }] },
  { kind: "array", element: 6, length: 4 },
  { kind: "typedef", name: "pid_t", target: 1 },
];

const view: BtfView = {
  find: () => undefined,
  type: (id) => kernelTypes[id]!,
  names: () => [],
  enumerator: () => undefined,
};

test("kernel records hold only the members in use, in order of use", () => {
  const types = new LocalTypes();
  const array = types.access(view, 3, [2, 1]);
  const anonymous = types.access(view, 3, [1, 0]);
  const again = types.access(view, 3, [2, 3]);
  expect(array.access).toBe("0:0:1");
  expect(anonymous).toEqual({ typeId: array.typeId, access: "0:1:0" });
  expect(again.access).toBe("0:0:3");

  const btf = parseBtf(encodeBtf(types.types));
  expect(btf.name(array.typeId)).toBe("task");
  expect(btf.members(array.typeId).map((member) => member.name)).toEqual(["pids", ""]);
});

test("bitfields keep their place and width", () => {
  const types = new LocalTypes();
  const { typeId } = types.access(view, 3, [3]);
  const btf = parseBtf(encodeBtf(types.types));
  expect(btf.kindFlag(typeId)).toBe(true);
  expect(btf.members(typeId)[0]).toMatchObject({ name: "flag", bitOffset: 261, bitSize: 3 });
});

test("values of maps and programs are described for the kernel", () => {
  const types = new LocalTypes();
  const key = types.value({ kind: "tuple", fields: [{ type: uint32 }, { type: stringOf(16) }] });
  const program = types.program("probe");
  const callback = types.callback("visit", 4);
  expect(types.value(int8)).toBe(types.value(int8));

  const btf = parseBtf(encodeBtf(types.types));
  expect(btf.kind(key)).toBe(BtfKind.Struct);
  expect(btf.size(key)).toBe(20);
  expect(btf.linkage(program)).toBe(1);
  expect(btf.linkage(callback)).toBe(0);
});
