import * as fc from "fast-check";
import { expect, it, test } from "vitest";
import { usdtArguments } from "./usdt-arguments.ts";

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

test("upper halves of 16 bits, addresses without a base, and variables", () => {
  expect(
    usdtArguments("-1@%ah 8@(,%rcx,8) 4@counter+4(%rip)", "x64", (name) =>
      name === "counter" ? 100n : undefined,
    ),
  ).toEqual([
    { size: 1, signed: true, place: { kind: "register", register: 10 * 8 + 1 } },
    { size: 8, signed: false, place: { kind: "memory", offset: 0n, index: { register: 11 * 8, scale: 8 } } },
    { size: 4, signed: false, place: { kind: "memory", register: 16 * 8, offset: 104n } },
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
