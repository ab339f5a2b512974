import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  OPCODES,
  assemble,
  disassemble,
  encode,
  exit,
  moveImmediate,
  printProgram,
} from "../../src/isa/index.ts";
import type { Insn, Opcode } from "../../src/isa/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { BPF_PROG_TYPE } from "../../src/uapi/index.ts";

/** The kernel, if it can be called and loads programs; undefined with a printed reason if not. */
async function loadingKernel(): Promise<Kernel | undefined> {
  try {
    const kernel = await openKernel();
    log(kernel, [moveImmediate(0, 0), exit()]);
    return kernel;
  } catch (error) {
    console.log(`skipped: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The verifier's level-2 log; of a rejected program too. */
function log(kernel: Kernel, insns: readonly Insn[]): string {
  const buffer = new Uint8Array(1 << 18);
  try {
    const fd = kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.SOCKET_FILTER,
      insns: encode(insns),
      license: "GPL",
      log_level: 2,
      log_buf: buffer,
    });
    kernel.close(fd);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errnoName === "EPERM") throw error;
  }
  return Buffer.from(buffer.subarray(0, buffer.indexOf(0))).toString();
}

const kernel = await loadingKernel();

// Forms that run on any scalar registers or on the stack, in any order. The kernel's own 6.18 wording.
const MEMORY: readonly string[] = ["load", "loadSigned", "store", "storeImmediate", "atomic"];
const forms: readonly Opcode[] = OPCODES.filter(
  (row) =>
    ["alu", "negate", "swap", "movsx", "branch", "loadImmediate64", ...MEMORY].includes(row.form) ||
    row.form === "loadAcquire" ||
    row.form === "storeRelease",
);

function insnOf(row: Opcode): fc.Arbitrary<readonly Insn[]> {
  const imm =
    row.operand === "register" || !/\{(imm|hex)/.test(row.wording)
      ? fc.constant(0)
      : /sh/.test(row.name)
        ? fc.integer({ min: 0, max: 31 })
        : /div|mod/.test(row.name)
          ? fc.integer({ min: 1, max: 0x7fffffff })
          : fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const scalar = fc.integer({ min: 0, max: 5 });
  const reads = row.form === "load" || row.form === "loadSigned" || row.form === "loadAcquire";
  const stack = MEMORY.includes(row.form) || row.form === "loadAcquire" || row.form === "storeRelease";
  return fc.record({ dst: scalar, src: scalar, imm, slot: fc.integer({ min: 1, max: 8 }) }).map((value) => {
    const first: Insn = {
      code: row.code,
      dst: stack && !reads ? 10 : value.dst,
      src: stack && reads ? 10 : row.wording.includes("{src}") ? value.src : 0,
      offset: row.fixed.offset ?? (stack ? -8 * value.slot : 0),
      imm: row.fixed.imm ?? value.imm,
    };
    return row.form === "loadImmediate64"
      ? [first, { code: 0, dst: 0, src: 0, offset: 0, imm: value.imm }]
      : [first];
  });
}

const body = fc
  .array(fc.constantFrom(...forms).chain(insnOf), { minLength: 1, maxLength: 30 })
  .map((parts) => parts.flat());

describe.skipIf(kernel === undefined)("the verifier words instructions as we do", () => {
  const prologue = assemble(
    [0, 1, 2, 3, 4, 5].map((register) => `r${register} = ${register + 1}`).join("\n") +
      Array.from({ length: 8 }, (_, slot) => `\n*(u64 *)(r10 -${8 * slot + 8}) = r0`).join(""),
  );

  test("in random programs", () => {
    let compared = 0;
    fc.assert(
      fc.property(body, (insns) => {
        const program = [...prologue, ...insns, moveImmediate(0, 0), exit()];
        const ours = new Map<string, string>(
          disassemble(program, { immediate64: (_, value) => `0x${value.toString(16)}` }).map((line) => [
            `${line.slot}: (${program[line.slot]!.code.toString(16).padStart(2, "0")})`,
            line.text,
          ]),
        );
        for (const line of log(kernel!, program).split("\n")) {
          const [, place, text] = /^(\d+: \([0-9a-f]{2}\)) (.*?)\s*(?:;.*)?$/.exec(line) ?? [];
          if (place === undefined) continue;
          compared++;
          expect(`${place} ${ours.get(place) ?? "nothing"}`, printProgram(program)).toBe(`${place} ${text}`);
        }
      }),
      { numRuns: 300 },
    );
    expect(compared).toBeGreaterThan(3000);
  });
});
