import { expect, test } from "vitest";
import { usdtArguments } from "../elf/index.ts";
import { encodeSpec } from "./usdt-specs.ts";

test("the layout is that of usdt.bpf.h before and since libbpf 1.7", () => {
  const args = usdtArguments("-2@-96(%rbp) 1@(%rbp,%rax,8)", "x64")!;
  const old = encodeSpec(args.slice(0, 1), 7n, 208)!;
  expect([...old.subarray(0, 16)]).toEqual([
    0xa0, 255, 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 32, 0, 1, 48,
  ]);
  expect([...old.subarray(192, 202)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  // An index register: 12 bits of its place and 4 of the scale, which the old layout has no room for.
  expect(encodeSpec(args, 7n, 208)).toBeUndefined();
  const now = encodeSpec(args, 7n, 304)!;
  expect([...now.subarray(24 + 8, 24 + 18)]).toEqual([3, 0, 0x50, 0x30, 0, 0, 32, 0, 0, 56]);
  expect([...now.subarray(288, 298)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
  expect(encodeSpec(args, 7n, 100)).toBeUndefined();
});
