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

test("the layout is libbpf's", () => {
  const [argument] = usdtArguments("-2@-96(%rbp,%rax,8)", "x64")!;
  const bytes = encodeSpec([argument!], 7n, 208);
  // val_off, arg_type 3, idx_reg_off 80 and shift 3 (16 bits), padding, reg_off 32, signed, shift 48.
  expect([...bytes.subarray(0, 16)]).toEqual([
    0xa0, 255, 255, 255, 255, 255, 255, 255, 3, 0x50, 0x30, 0, 32, 0, 1, 48,
  ]);
  expect([...bytes.subarray(192, 202)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
});
