import { expect, test } from "vitest";
import { BtfKind, parseBtf } from "../../../btf/index.ts";
import { STRUCTS } from "./declarations.ts";
import { StructPlaces, ownBtf } from "./index.ts";

const types = parseBtf(ownBtf());

test("the types are BTF, with every member where its place says", () => {
  const places = new StructPlaces(types);
  for (const [name, members] of Object.entries(STRUCTS)) {
    const id = types.findByName(name, BtfKind.Struct)!;
    expect(places.size(name)).toBe(types.size(id));
    const found = types.members(id).map(({ name: member, bitOffset }) => [member, bitOffset / 8]);
    expect(found).toEqual(members.map(([member]) => [member, places.member(name, member)!.offset]));
    // No member lies in another one.
    for (const [index, [member]] of members.entries()) {
      const { offset, size } = places.member(name, member)!;
      const next = members[index + 1];
      expect(offset + size).toBeLessThanOrEqual(
        next ? places.member(name, next[0])!.offset : places.size(name),
      );
    }
  }
  const task = types.findByName("task_struct", BtfKind.Struct)!;
  const parent = types.members(task).find(({ name }) => name === "parent")!;
  expect(types.target(parent.type)).toBe(task);
});

test("iterators have their function, and a context of eight bytes for each argument", () => {
  const context = types.findByName("bpf_iter__task_file", BtfKind.Struct)!;
  expect(types.members(context).map(({ name, bitOffset }) => [name, bitOffset / 64])).toEqual([
    ["meta", 0],
    ["task", 1],
    ["fd", 2],
    ["file", 3],
  ]);
  const iterator = types.findByName("bpf_iter_task_file", BtfKind.Func)!;
  expect(types.params(types.target(iterator)).map(({ name }) => name)).toEqual([
    "meta",
    "task",
    "fd",
    "file",
  ]);
});

test("what the types do not have has no place", () => {
  const places = new StructPlaces(types);
  expect([places.member("task_struct", "nothing"), places.member("nothing", "pid")]).toEqual([
    undefined,
    undefined,
  ]);
  expect(places.size("nothing")).toBe(0);
});
