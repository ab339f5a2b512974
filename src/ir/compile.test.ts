import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { disassemble } from "../isa/index.ts";
import type { Builder } from "./builder.ts";
import { addFunction, Builder as FunctionBuilder, createModule } from "./builder.ts";
import { compileModule } from "./compile.ts";
import { JumpRangeError } from "./machine/emit.ts";
import { StackOverflowError } from "./machine/frame.ts";
import { parallelCopy } from "./machine/parallel-copy.ts";
import type { IrModule, ValueType } from "./node.ts";
import type { CpuVersion, ProgramCode } from "./program-code.ts";
import { consume, lookup, moduleOf, pid, update } from "./module.test-util.ts";

function text(code: ProgramCode): string[] {
  return disassemble(code.insns).map((line) => line.text);
}

function compiled(
  write: (b: Builder) => void,
  params?: readonly ValueType[],
  cpu: CpuVersion = "v3",
): string[] {
  return text(compileModule(moduleOf(write, params), { cpu }));
}

function signExtend(b: Builder): void {
  b.ret(b.convert("sext32", b.load("i32", 4, b.param(0))));
}

describe("instruction selection", () => {
  it("writes constants and immediates without registers, and arguments without moves", () => {
    const lines = compiled((b) => {
      const key = b.alloca(4, 4);
      b.store(4, key, b.i32(7));
      const value = lookup(b, "m", key);
      const [hit, miss] = [b.block(), b.block()];
      b.branchIf("ne", value, b.null(), hit, miss, { likely: true });
      b.at(hit);
      b.atomic("void", "add", 8, value, b.load("i64", 8, b.param(0), { offset: 16 }));
      b.br(miss);
      b.at(miss);
      b.ret(b.i64(0));
    });
    expect(lines).toEqual([
      "r6 = *(u64 *)(r1 +16)",
      "*(u32 *)(r10 -4) = 7",
      "r1 = map[id:0]",
      "r2 = r10",
      "r2 += -4",
      "call bpf_map_lookup_elem#1",
      "if r0 == 0x0 goto pc+1",
      "lock *(u64 *)(r0 +0) += r6",
      "r0 = 0",
      "exit",
    ]);
  });

  it("extends signs by the version's means", () => {
    expect(compiled(signExtend, ["ptr"], "v3")).toEqual([
      "r0 = *(u32 *)(r1 +0)",
      "r0 <<= 32",
      "r0 s>>= 32",
      "exit",
    ]);
    expect(compiled(signExtend, ["ptr"], "v4")).toEqual(["r0 = *(u32 *)(r1 +0)", "r0 = (s32)r0", "exit"]);
  });

  it("divides signed numbers by a constant without v4", () => {
    const lines = compiled((b) => b.ret(b.binary("sdiv", b.param(0), b.i64(1000))), ["i64"]);
    expect(lines).toEqual([
      "r0 = r1",
      "r0 s>>= 63",
      "r1 ^= r0",
      "r1 -= r0",
      "r1 /= 1000",
      "r1 ^= r0",
      "r1 -= r0",
      "r0 = r1",
      "exit",
    ]);
  });

  it("takes the upper half of an id without masking it", () => {
    const lines = compiled((b) => {
      const slot = b.alloca(4, 4);
      const high = b.convert("trunc", b.binary("lshr", pid(b), b.i64(32)));
      b.store(4, slot, high);
      const [yes, no] = [b.block(), b.block()];
      b.branchIf("eq", high, b.i32(5), yes, no);
      b.at(yes);
      lookup(b, "m", slot);
      update(b, "m", slot, slot);
      b.br(no);
      b.at(no);
      b.ret(b.i64(0));
    });
    expect(lines.slice(0, 4)).toEqual([
      "call bpf_get_current_pid_tgid#14",
      "r0 >>= 32",
      "*(u32 *)(r10 -4) = r0",
      "if w0 != 0x5 goto pc+8",
    ]);
  });

  it("truncates for nobody who reads the low half only, be it through a phi", () => {
    const lines = compiled(
      (b) => {
        const entry = b.current;
        const [other, join] = [b.block(), b.block()];
        const low = b.convert("trunc", b.param(0));
        b.branchIf("eq", b.param(1), b.i64(0), other, join);
        b.at(other);
        b.br(join);
        b.at(join);
        const phi = b.phi("i32", [
          [entry, low],
          [other, b.i32(7)],
        ]);
        b.ret(b.convert("zext32", b.binary("lshr", phi, b.i32(3))));
      },
      ["i64", "i64"],
    );
    expect(lines.filter((line) => /^w\d = w/.test(line))).toEqual([]);
  });

  it("relocates the one instruction that depends on the kernel", () => {
    const { relocations, insns } = compileModule(
      moduleOf((b) => {
        const field = b.loadTime({ kind: "core", typeId: 5, access: "0:1", coreKind: 0 });
        const other = b.loadTime({ kind: "tracepoint", tracepoint: "a:b", field: "c" });
        const value = b.load("i64", 8, b.add(b.param(0), field));
        b.ret(b.load("i64", 8, b.add(b.add(b.param(0), other), value)));
      }),
      { cpu: "v3" },
    );
    expect(relocations).toEqual([
      { kind: "core", typeId: 5, access: "0:1", coreKind: 0, insn: 0 },
      { kind: "tracepoint", tracepoint: "a:b", field: "c", insn: 1 },
    ]);
    expect(insns).toHaveLength(5);
  });

  it("chooses without a jump over the other choice", () => {
    const lines = compiled(
      (b) => b.ret(b.convert("zext32", b.compare("ult", b.param(0), b.param(1)))),
      ["i64", "i64"],
    );
    expect(lines).toEqual(["r0 = 1", "if r1 < r2 goto pc+1", "r0 = 0", "exit"]);
  });
});

describe("registers", () => {
  it("spills what finds none, whole", () => {
    const lines = compiled((b) => {
      const values = [0, 8, 16, 24, 32, 40, 48].map((offset) => b.load("i64", 8, b.param(0), { offset }));
      consume(b);
      let sum = values[0]!;
      for (const value of values.slice(1)) sum = b.binary("xor", b.mul(sum, b.i64(3)), value);
      b.ret(sum);
    });
    const spills = lines.filter((line) => line.startsWith("*(u64 *)(r10"));
    expect(spills).toHaveLength(3);
    expect(lines.filter((line) => line.includes("*(u64 *)(r10 -"))).toHaveLength(6);
  });

  it("takes a spilled value from a register that still holds it", () => {
    const lines = compiled((b) => {
      const values = [0, 8, 16, 24, 32].map((offset) => b.load("i64", 8, b.param(0), { offset }));
      consume(b, ...values);
      consume(b, ...values);
      b.ret(values[4]);
    });
    const [spill] = lines.filter((line) => line.startsWith("*(u64 *)(r10"));
    expect(spill).toBeDefined();
    const reloads = lines
      .slice(0, lines.indexOf("call unknown#999"))
      .filter((line) => line.includes("= *(u64 *)(r10"));
    expect(reloads).toEqual([]);
  });

  it("adds a constant for each call instead of keeping the sum", () => {
    const lines = compiled((b) => {
      const base = b.load("i64", 8, b.param(0));
      const sum = b.add(base, b.i64(8));
      consume(b, sum);
      consume(b, sum, base);
      b.ret(b.i64(0));
    });
    expect(lines.filter((line) => line === "r1 += 8")).toHaveLength(2);
  });

  it("orders copies as if all were made at once", () => {
    const copies = fc
      .uniqueArray(fc.record({ dst: fc.nat(7), src: fc.nat(7) }), { selector: (copy) => copy.dst })
      .map((list) => list.map(({ dst, src }) => ({ dst: dst + 16, src: src + 16 })));
    fc.assert(
      fc.property(copies, (list) => {
        const registers = new Map<number, number>();
        const read = (register: number): number => registers.get(register) ?? register;
        let next = 100;
        for (const { dst, src } of parallelCopy(list, () => next++)) registers.set(dst, read(src));
        for (const { dst, src } of list) expect(read(dst)).toBe(src);
        expect(next - 100).toBeLessThanOrEqual(list.length / 2);
      }),
    );
  });
});

describe("the frame", () => {
  it("shares memory among slots that do not live together", () => {
    const { stackSize } = compileModule(
      moduleOf((b) => {
        for (let index = 0; index < 100; index++) {
          const key = b.alloca(16, 8);
          b.fill(key, 16, 8);
          update(b, "m", key, key);
        }
        b.ret(b.i64(0));
      }),
      { cpu: "v3" },
    );
    expect(stackSize).toBe(16);
  });

  it("names who needs too much", () => {
    const module = moduleOf((b) => {
      const [small, large] = [b.alloca(8, 8, "@x key"), b.alloca(600, 8, "str")];
      b.store(8, small, b.i64(1));
      b.fill(large, 600, 8);
      update(b, "m", small, large);
      b.ret(b.i64(0));
    });
    expect(() => compileModule(module, { cpu: "v3" })).toThrow(StackOverflowError);
    expect(() => compileModule(module, { cpu: "v3" })).toThrow(
      /608 bytes of stack.*str \(600 bytes\), @x key/,
    );
  });
});

describe("frames of callers and callees", () => {
  it("must fit the stack together", () => {
    const module = createModule();
    for (const [name, size] of [
      ["main", 300],
      ["callee", 260],
    ] as const) {
      const b = new FunctionBuilder(addFunction(module, { name, params: [], result: "i64" }));
      const slot = b.alloca(size, 8);
      b.fill(slot, size, 8);
      update(b, "m", slot, slot);
      if (name === "main") consume(b, b.functionRef("callee"));
      b.ret(b.i64(0));
    }
    expect(() => compileModule(module, { cpu: "v3" })).toThrow(
      /calls from main needs 608 bytes.*main \(320 bytes\), callee \(288 bytes\)/,
    );
  });
});

function large(): IrModule {
  return moduleOf(
    (b) => {
      const [body, done] = [b.block(), b.block()];
      b.branchIf("set", b.param(0), b.i64(5), done, body);
      b.at(body);
      const [more, most] = [b.block(), b.block()];
      b.branchIf("eq", b.param(1), b.i64(5), done, more);
      b.at(more);
      b.branchIf("ne", b.param(1), b.i64(6), most, done);
      b.at(most);
      for (let index = 0; index < 8000; index++) {
        consume(b, b.i64(index), b.i64(1), b.i64(2), b.i64(3));
      }
      b.br(done);
      b.at(done);
      b.ret(b.i64(0));
    },
    ["i64", "i64"],
  );
}

describe("large functions", () => {
  it("jump far where the version can", () => {
    const lines = text(compileModule(large(), { cpu: "v4" }));
    expect(lines.slice(0, 7)).toEqual([
      "if r1 & 0x5 goto pc+1",
      "goto pc+1",
      "gotol pc+40004",
      "if r2 != 0x5 goto pc+1",
      "gotol pc+40002",
      "if r2 != 0x6 goto pc+1",
      "gotol pc+40000",
    ]);
  });

  it("are refused where it cannot", () => {
    expect(() => compileModule(large(), { cpu: "v3" })).toThrow(JumpRangeError);
  });
});

describe("functions and lines", () => {
  it("places what is called behind the program, and says where code comes from", () => {
    const module = createModule();
    const b = new FunctionBuilder(
      addFunction(module, { name: "main", params: ["i64"], result: "i64", typeId: 7 }),
    );
    b.position = { file: "a.bt", line: 3, column: 5, text: "  f(x)" };
    const result = b.call({ kind: "function", name: "callee" }, [b.param(0)]);
    b.position = { file: "a.bt", line: 4, column: 1, text: "return" };
    b.ret(result);
    const callee = new FunctionBuilder(
      addFunction(module, { name: "callee", params: ["i64"], result: "i64", typeId: 8 }),
    );
    callee.ret(callee.add(callee.param(0), callee.i64(1)));
    const unused = new FunctionBuilder(addFunction(module, { name: "unused", params: [], result: "i64" }));
    unused.ret(unused.i64(0));
    const code = compileModule(module, { cpu: "v3" });
    expect(text(code)).toEqual(["call pc+1", "exit", "r0 = r1", "r0 += 1", "exit"]);
    expect(code.functions).toEqual([
      { insn: 0, typeId: 7 },
      { insn: 2, typeId: 8 },
    ]);
    expect(code.relocations).toEqual([{ kind: "function", insn: 0, target: 2 }]);
    expect(code.lines).toEqual([
      { insn: 0, file: "a.bt", line: 3, column: 5, text: "  f(x)" },
      { insn: 1, file: "a.bt", line: 4, column: 1, text: "return" },
    ]);
  });
});
