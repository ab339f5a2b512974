import { expect, test } from "vitest";
import { openEmbeddedKernel } from "../index.ts";
import { procFacts } from "./process-facts.ts";
import { TaskTable } from "./task-table.ts";

test.skipIf(process.platform !== "linux")("a task leads to its parents, as /proc has them", () => {
  using kernel = openEmbeddedKernel();
  const { memory } = kernel;
  const table = new TaskTable(memory, procFacts, () => kernel.structs);
  const offset = (member: string): number => kernel.structs.member("task_struct", member)!.offset;
  const number = (address: number, member: string): number => memory.u32(address + offset(member));
  const follow = (address: number, member: string): number =>
    memory.address(memory.u64(address + offset(member)))!;
  const own = table.address(process.pid);
  expect([number(own, "pid"), number(own, "tgid")]).toEqual([process.pid, process.pid]);
  expect(number(follow(own, "parent"), "tgid")).toBe(process.ppid);
  let last = own;
  for (let step = 0; step < 64 && follow(last, "parent") !== last; step++) last = follow(last, "parent");
  expect(follow(last, "parent")).toBe(last);
  const uid = kernel.structs.member("cred", "uid.val")!;
  expect(memory.u32(follow(own, "cred") + uid.offset)).toBe(process.getuid?.());
  expect(table.address(0x3fff_ffff)).toBe(0);
});

test.skipIf(process.platform !== "linux")("memory of tasks that ended is given back after a while", () => {
  using kernel = openEmbeddedKernel({ memory: 16 * 1024 * 1024 });
  const table = new TaskTable(kernel.memory, procFacts, () => kernel.structs);
  for (let round = 0; round < 700; round++) {
    table.touch(process.pid);
    expect(table.address(process.pid)).not.toBe(0);
    table.end(process.pid);
  }
});
