import { expect, test } from "vitest";
import { BtfKind, parseBtf } from "../../../btf/index.ts";
import { openEmbeddedKernel } from "../index.ts";
import { procFacts } from "./process-facts.ts";
import { TaskTable } from "./task-table.ts";
import { placeStructs, STRUCTS, taskBtf } from "./task-types.ts";

test("the types are BTF, with every member where the structs have it", () => {
  const btf = parseBtf(taskBtf());
  const places = placeStructs();
  for (const [name, members] of Object.entries(STRUCTS)) {
    const id = btf.findByName(name, BtfKind.Struct)!;
    expect(btf.size(id)).toBe(places.get(name)!.size);
    const found = btf.members(id).map(({ name: member, bitOffset }) => [member, bitOffset / 8]);
    expect(found).toEqual(members.map(([member]) => [member, places.get(name)!.members.get(member)!.offset]));
  }
  const task = btf.findByName("task_struct", BtfKind.Struct)!;
  const parent = btf.members(task).find(({ name }) => name === "parent")!;
  expect(btf.target(parent.type)).toBe(task);
});

test.skipIf(process.platform !== "linux")("a task leads to its parents, as /proc has them", () => {
  using kernel = openEmbeddedKernel();
  const { memory } = kernel;
  const table = new TaskTable(memory, procFacts);
  const task = placeStructs().get("task_struct")!.members;
  const number = (address: number, member: string): number => memory.u32(address + task.get(member)!.offset);
  const follow = (address: number, member: string): number =>
    memory.address(memory.u64(address + task.get(member)!.offset))!;
  const own = table.address(process.pid);
  expect([number(own, "pid"), number(own, "tgid")]).toEqual([process.pid, process.pid]);
  expect(number(follow(own, "parent"), "tgid")).toBe(process.ppid);
  let last = own;
  for (let step = 0; step < 64 && follow(last, "parent") !== last; step++) last = follow(last, "parent");
  expect(follow(last, "parent")).toBe(last);
  const uid = placeStructs().get("cred")!.members.get("uid.val")!;
  expect(memory.u32(follow(own, "cred") + uid.offset)).toBe(process.getuid?.());
  expect(table.address(0x3fff_ffff)).toBe(0);
});

test.skipIf(process.platform !== "linux")("memory of tasks that ended is given back after a while", () => {
  using kernel = openEmbeddedKernel({ memory: 2 * 1024 * 1024 });
  const table = new TaskTable(kernel.memory, procFacts);
  for (let round = 0; round < 700; round++) {
    table.touch(process.pid);
    expect(table.address(process.pid)).not.toBe(0);
    table.end(process.pid);
  }
});
