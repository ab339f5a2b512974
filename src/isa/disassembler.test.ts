import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DiagnosticError } from "../diagnostic.ts";
import { OPCODES, assemble, decode, disassemble, explain, printProgram } from "./index.ts";
import type { Insn, Opcode } from "./index.ts";

function fixed(value: number | undefined, other: fc.Arbitrary<number>): fc.Arbitrary<number> {
  return value === undefined ? other : fc.constant(value);
}

/** Any instruction of a row, with all operands its wording names. */
function insnOf(opcode: Opcode): fc.Arbitrary<Insn[]> {
  const uses = (name: string): boolean => opcode.wording.includes(`{${name}}`);
  const s16 = fc.integer({ min: -0x8000, max: 0x7fff });
  const s32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const register = fc.integer({ min: 0, max: 10 });
  const zero = fc.constant(0);
  const wide = opcode.form === "loadImmediate64";
  const first = fc.record({
    code: fc.constant(opcode.code),
    dst: uses("dst") ? register : zero,
    src: fixed(opcode.fixed.src, uses("src") ? register : wide ? fc.integer({ min: 0, max: 6 }) : zero),
    offset: fixed(opcode.fixed.offset, uses("off") || uses("to") ? s16 : zero),
    imm: fixed(opcode.fixed.imm, /\{(imm|hex|far|imm64|callee|high)/.test(opcode.wording) ? s32 : zero),
  });
  if (!wide) return first.map((insn) => [insn]);
  return fc.tuple(first, s32).map(([insn, high]) => {
    const single = insn.src === 1 || insn.src === 4 || insn.src === 5;
    return [insn, { code: 0, dst: 0, src: 0, offset: 0, imm: single ? 0 : high }];
  });
}

const program = fc.array(fc.constantFrom(...OPCODES).chain(insnOf)).map((parts) => parts.flat());

describe("disassembler", () => {
  test("the kernel's wording of every form", () => {
    const text = printProgram(
      decode(
        Uint8Array.from(
          Buffer.from(
            [
              "b700000000000000 bc12000000000000 bf12080000000000 b4030000f9ffffff 3f12010000000000",
              "7b7af8ff00000000 61a1fcff00000000 9161fcff00000000 db10000000000000 db31000001000000",
              "db23f8ff00010000",
              "dc03000010000000 d703000020000000 1813000005000000 0000000000000000 1555010007000000",
              "e500010000000000 0600000004000000 8500000001000000 8510000003000000 8520000009000000",
              "bf12010001000000 9500000000000000",
            ]
              .join("")
              .replaceAll(" ", ""),
            "hex",
          ),
        ),
      ),
    );
    expect(text).toBe(
      [
        "   0: (b7) r0 = 0",
        "   1: (bc) w2 = w1",
        "   2: (bf) r2 = (s8)r1",
        "   3: (b4) w3 = -7",
        "   4: (3f) r2 s/= r1",
        "   5: (7b) *(u64 *)(r10 -8) = r7",
        "   6: (61) r1 = *(u32 *)(r10 -4)",
        "   7: (91) r1 = *(s8 *)(r6 -4)",
        "   8: (db) lock *(u64 *)(r0 +0) += r1",
        "   9: (db) r3 = atomic64_fetch_add((u64 *)(r1 +0), r3)",
        "  10: (db) r3 = load_acquire((u64 *)(r2 -8))",
        "  11: (dc) r3 = be16 r3",
        "  12: (d7) r3 = bswap32 r3",
        "  13: (18) r3 = map[id:5]",
        "  15: (15) if r5 == 0x7 goto pc+1",
        "  16: (e5) may_goto pc+1",
        "  17: (06) gotol pc+4",
        "  18: (85) call bpf_map_lookup_elem#1",
        "  19: (85) call pc+3",
        "  20: (85) call kernel-function#9",
        "  21: (bf) r2 = addr_space_cast(r1, 0, 1)",
        "  22: (95) exit",
        "",
      ].join("\n"),
    );
  });

  test("assemble undoes disassemble", () => {
    fc.assert(
      fc.property(program, (insns) => {
        expect(assemble(printProgram(insns))).toEqual(insns);
      }),
    );
  });

  test("any bytes get some text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 80 }), (bytes) => {
        const insns = decode(bytes.subarray(0, bytes.length & ~7));
        const lines = disassemble(insns);
        expect(lines.reduce((slots, line) => slots + line.slots, 0)).toBe(insns.length);
        insns.forEach((_, slot) => expect(explain(insns, slot).fields.length).toBeGreaterThan(4));
      }),
    );
  });

  test("a resolver names what numbers stand for", () => {
    const insns = assemble("r1 = map[fd:4]\ncall bpf_map_lookup_elem\ncall pc+1\nexit");
    const texts = disassemble(insns, {
      immediate64: (insn) => `map counts (${insn.imm})`,
      callee: (insn) => (insn.src === 1 ? "+1#f" : undefined),
    }).map((line) => line.text);
    expect(texts).toEqual(["r1 = map counts (4)", "call bpf_map_lookup_elem#1", "call pc+1#f", "exit"]);
  });

  test("what is no instruction", () => {
    expect(disassemble(decode(Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0)))[0]?.text).toBe("BUG_ff");
    expect(disassemble(decode(Uint8Array.of(0x18, 0, 0, 0, 0, 0, 0, 0)))[0]?.text).toBe("BUG_ld_18");
  });
});

describe("assembler", () => {
  test("labels, comments and a dump's decorations", () => {
    const insns = assemble(`
int f(struct xdp_md * ctx):
; if (!x)
   0: (b7) r0 = 0
loop:
  r0 += 1           // count
  if r0 < 10 goto loop
  call twice
  goto out
twice: ; a function
  r0 *= 2
out:
  exit`);
    expect(disassemble(insns).map((line) => line.text)).toEqual([
      "r0 = 0",
      "r0 += 1",
      "if r0 < 0xa goto pc-2",
      "call pc+1",
      "goto pc+1",
      "r0 *= 2",
      "exit",
    ]);
  });

  test("every wrong line is reported, with its place", () => {
    const wrong = "r0 = 1\nr12 = 1\nfoo\ngoto nowhere\nr1 += 99999999999\ncall bpf_nothing\na:\na:\n";
    const thrown = catchError(() => assemble(wrong));
    expect(thrown).toBeInstanceOf(DiagnosticError);
    const diagnostics = thrown instanceof DiagnosticError ? thrown.diagnostics : [];
    expect(diagnostics.map((diagnostic) => diagnostic.message).sort()).toEqual([
      "99999999999 does not fit in 32 bits",
      "Label a is defined twice",
      "Label nowhere is not defined",
      "Not an instruction: foo",
      "There is no register r12",
      "bpf_nothing is neither a helper nor a label",
    ]);
    expect(diagnostics[0]?.span).toMatchObject({ start: 15, end: 18 });
  });
});

describe("explain", () => {
  test("each field in words", () => {
    const explanation = explain(assemble("call bpf_get_current_pid_tgid"));
    expect(explanation.opcode?.name).toBe("call");
    expect(explanation.fields.map((field) => [field.field, field.value, field.meaning])).toEqual([
      ["class", "0x5", "JMP: jump, comparing 64 bits"],
      ["source", "0x0", "K: the second operand is imm"],
      ["operation", "0x80", "CALL"],
      ["dst", "0x0", "unused"],
      ["src", "0x0", "unused"],
      ["offset", "0x0", "unused"],
      ["imm", "0xe", "helper id of bpf_get_current_pid_tgid"],
    ]);
  });
});

function catchError(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
