import { describe, expect, test } from "vitest";
import type { CoreResolution } from "../btf/index.ts";
import type { Insn } from "../isa/index.ts";
import { callKernel, exit, load, loadImmediate64, moveImmediate } from "../isa/index.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import { corePatch } from "./core-patch.ts";
import { ObjectError, relocate } from "./index.ts";
import type { ProgramSpec, Relocation, RelocationInputs } from "./index.ts";

const answer: CoreResolution = {
  original: 4n,
  value: 16n,
  poison: false,
  validate: true,
  originalSize: 0,
  size: 0,
  sizeMismatch: false,
};

function patched(insns: readonly Insn[], resolution: Partial<CoreResolution> = {}): Insn[] {
  const copy = [...insns];
  corePatch(copy, 0, 7, { ...answer, ...resolution });
  return copy;
}

describe("CO-RE answers", () => {
  test("become offsets of loads and immediate operands", () => {
    expect(patched([load(4, 1, 2, 4)])[0]).toMatchObject({ offset: 16 });
    expect(patched([moveImmediate(1, 4)])[0]).toMatchObject({ imm: 16 });
    expect(patched(loadImmediate64(1, 4), { value: -2n & 0xffff_ffff_ffff_ffffn })).toMatchObject([
      { imm: -2 },
      { imm: -1 },
    ]);
  });

  test("change how much a load reads", () => {
    const sizes = { originalSize: 4, size: 8 };
    expect(patched([load(4, 1, 2, 4)], sizes)[0]!.code).toBe(load(8, 1, 2, 0).code);
    expect(() => patched([load(2, 1, 2, 4)], sizes)).toThrow(ObjectError);
  });

  test("that do not exist make a call which the verifier refuses", () => {
    const call = { code: 0x85, src: 0, dst: 0, offset: 0, imm: 195_896_087 };
    expect(patched([load(4, 1, 2, 4)], { poison: true })).toEqual([call]);
    expect(patched(loadImmediate64(1, 4), { poison: true })).toEqual([call, call]);
    expect(patched([load(4, 1, 2, 4)], { sizeMismatch: true, originalSize: 4, size: 8 })).toEqual([call]);
  });

  test("for other instructions than the compiler's are refused", () => {
    expect(() => patched([load(4, 1, 2, 5)])).toThrow(ObjectError);
    expect(() => patched([exit()])).toThrow(ObjectError);
    expect(() => patched([load(4, 1, 2, 4)], { value: 40_000n })).toThrow(ObjectError);
    expect(patched([load(4, 1, 2, 5)], { validate: false })[0]).toMatchObject({ offset: 16 });
  });
});

describe("symbols of the kernel", () => {
  const inputs: RelocationInputs = { mapFd: () => 3 };
  const run = (
    insns: readonly Insn[],
    relocation: Relocation,
    more: Partial<RelocationInputs> = {},
  ): Insn[] => {
    const program: ProgramSpec = {
      name: "p",
      section: "raw_tp/p",
      type: BPF_PROG_TYPE.RAW_TRACEPOINT,
      insns,
      relocations: [relocation],
      functions: [],
      lines: [],
    };
    return relocate(program, { ...inputs, ...more });
  };

  test("that are missing are errors, unless they are weak", () => {
    expect(() => run(loadImmediate64(1, 0), { kind: "ksym", insn: 0, name: "x", typed: false })).toThrow(
      /symbol x/,
    );
    const weak = run(loadImmediate64(1, 5), { kind: "ksym", insn: 0, name: "x", typed: false, weak: true });
    expect(weak).toMatchObject([{ imm: 0 }, { imm: 0 }]);
    const call = callKernel(0, 0);
    expect(() => run([call], { kind: "kfunc", insn: 0, name: "f" })).toThrow(/function f/);
    expect(run([call], { kind: "kfunc", insn: 0, name: "f", weak: true })[0]).toMatchObject({ src: 0 });
  });

  test("are loaded by address and called by id", () => {
    const address = 0xffff_ffff_8100_0000n;
    const loaded = run(
      loadImmediate64(1, 0),
      { kind: "ksym", insn: 0, name: "x", typed: false },
      { ksymAddress: () => address },
    );
    expect(loaded).toMatchObject([{ imm: Number(BigInt.asIntN(32, address)) }, { imm: -1 }]);
    const called = run(
      [callKernel(0, 0)],
      { kind: "kfunc", insn: 0, name: "f" },
      { kfunc: () => ({ id: 99, fd: 2 }) },
    );
    expect(called[0]).toMatchObject({ src: 2, imm: 99, offset: 2 });
  });

  test("relocations outside of the program are refused", () => {
    expect(() => run([exit()], { kind: "map", insn: 9, map: "m" })).toThrow(ObjectError);
    expect(() => run([exit()], { kind: "map", insn: 0, map: "m" })).toThrow(ObjectError);
  });
});
