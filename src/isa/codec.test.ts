import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPCODES, decode, encode, exit, loadImmediate64, moveImmediate, opcodeOf } from "./index.ts";
import type { Insn } from "./index.ts";

const anyInsn: fc.Arbitrary<Insn> = fc.record({
  code: fc.integer({ min: 0, max: 255 }),
  dst: fc.integer({ min: 0, max: 15 }),
  src: fc.integer({ min: 0, max: 15 }),
  offset: fc.integer({ min: -0x8000, max: 0x7fff }),
  imm: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
});

describe("codec", () => {
  test("decode undoes encode", () => {
    fc.assert(
      fc.property(fc.array(anyInsn), (insns) => {
        expect(decode(encode(insns))).toEqual(insns);
      }),
    );
  });

  test("encode undoes decode, for any bytes of the right size", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const whole = bytes.subarray(0, bytes.length & ~7);
        expect(encode(decode(whole))).toEqual(whole);
      }),
    );
  });

  test("struct bpf_insn's bytes", () => {
    expect([...encode([moveImmediate(3, -2), exit()])]).toEqual([
      0xb7, 3, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x95, 0, 0, 0, 0, 0, 0, 0,
    ]);
    expect(loadImmediate64(1, 0x1_8000_0000n).map((insn) => insn.imm)).toEqual([-0x80000000, 1]);
  });

  test("half an instruction is a typed error", () => {
    expect(() => decode(new Uint8Array(12))).toThrowError(expect.objectContaining({ code: "isa/size" }));
  });
});

describe("opcode table", () => {
  test("names are unique, but for the two operand kinds", () => {
    const keys = OPCODES.map((row) => `${row.name} ${row.operand ?? ""}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("every row is found by its own fields", () => {
    for (const row of OPCODES) {
      const { offset = 0, imm = 0, src = 0 } = row.fixed;
      expect(opcodeOf({ code: row.code, src, offset, imm })).toBe(row);
    }
  });
});
