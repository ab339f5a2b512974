import { expect, test } from "vitest";
import { ProgramNames } from "./program-kind.ts";

test("names are cut to the kernel's length, and no name is given twice", () => {
  const names = new ProgramNames();
  const take = (event: string): string => names.take({ kind: "tracepoint", category: "syscalls", event });
  expect(take("sys_enter_read")).toBe("sys_enter_read");
  expect(take("sys_enter_read_2")).toBe("sys_enter_read_");
  expect(take("sys_enter_read")).toBe("sys_enter_rea_2");
  expect(take("sys_enter_readv.x")).toBe("sys_enter_readv");
  expect(take("sys_enter_readv.y")).toBe("sys_enter_rea_3");
  const many = Array.from({ length: 1100 }, () => take("sys_enter_read"));
  expect(new Set(many).size).toBe(1100);
  expect(many.every((name) => name.length <= 15)).toBe(true);
});
