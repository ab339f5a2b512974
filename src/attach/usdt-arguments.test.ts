import * as fc from "fast-check";
import { expect, it, test } from "vitest";
import { usdtArguments } from "./usdt-arguments.ts";
import { encodeSpec } from "./usdt-specs.ts";

const di = 14 * 8;

test("x86-64 operands", () => {
  expect(usdtArguments("-4@%edi 8@-16(%rbp) 1@(%r8,%rcx,4) 2@$-7 8@$0x10 4@(%rsp)", "x64")).toEqual([
    { size: 4, signed: true, place: { kind: "register", register: di } },
    { size: 8, signed: false, place: { kind: "memory", register: 4 * 8, offset: -16n } },
    {
      size: 1,
      signed: false,
      place: { kind: "memory", register: 9 * 8, offset: 0n, index: { register: 11 * 8, scale: 4 } },
    },
    { size: 2, signed: false, place: { kind: "constant", value: -7n } },
    { size: 8, signed: false, place: { kind: "constant", value: 16n } },
    { size: 4, signed: false, place: { kind: "memory", register: 19 * 8, offset: 0n } },
  ]);
});

test("arm64 operands", () => {
  expect(usdtArguments("-4@x1 8@[sp, 16] 8@[x30] 4@7", "arm64")).toEqual([
    { size: 4, signed: true, place: { kind: "register", register: 8 } },
    { size: 8, signed: false, place: { kind: "memory", register: 31 * 8, offset: 16n } },
    { size: 8, signed: false, place: { kind: "memory", register: 30 * 8, offset: 0n } },
    { size: 4, signed: false, place: { kind: "constant", value: 7n } },
  ]);
});

it("refuses what it does not know", () => {
  for (const text of ["4@%xyz", "3@%eax", "hello", "4@", "8@symbol(%rip)"])
    expect(usdtArguments(text, "x64")).toBeUndefined();
});

it("survives any text", () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom("x64", "arm64"), (text, arch) => {
      usdtArguments(text, arch);
    }),
  );
});

test("hexadecimal digits need their 0x", () => {
  expect(usdtArguments("8@$-0xA2", "x64")?.[0]?.place).toEqual({ kind: "constant", value: -162n });
  expect(usdtArguments("8@$A2", "x64")).toBeUndefined();
});

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
