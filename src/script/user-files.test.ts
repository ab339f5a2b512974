import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UserFiles } from "./user-files.ts";

const libc = /\/\S*\/libc\.so\.6$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[0];

test.skipIf(libc === undefined)("functions, variables and bytes of a library", () => {
  const files = new UserFiles();
  expect(files.functions(libc!)).toContain("malloc");
  expect(files.functions(libc!)).not.toContain("environ");
  expect(files.place(libc!, "environ")).toMatchObject({ size: 8, fixed: false });
  const malloc = files.place(libc!, "malloc")!;
  // Code of glibc lies in the file as it does in memory, so the place is found by its offset too.
  expect(files.place(libc!, malloc.address)).toMatchObject({ address: malloc.address, size: 0 });
  expect(files.place(libc!, "errno")).toBeUndefined();
});

test("what is no library has none", () => {
  const files = new UserFiles();
  expect(files.functions("/nowhere")).toBeUndefined();
  expect(files.functions("/etc/passwd")).toBeUndefined();
  expect(files.place("/nowhere", "main")).toBeUndefined();
});
