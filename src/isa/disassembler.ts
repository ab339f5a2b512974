import { BPF_FUNC, nameOf } from "../uapi/index.ts";
import { CALL, LDIMM64, PSEUDO } from "./encoding.ts";
import type { Insn } from "./insn.ts";
import { lazy } from "../util/index.ts";
import { OPCODES, opcodeOf } from "./opcode-table.ts";
import type { Opcode } from "./opcode-table.ts";
import { parseWording } from "./wording.ts";
import type { Operand, Wording } from "./wording.ts";

/** Names for what instructions refer to by number; undefined means: the default wording. */
export interface Resolver {
  /** The value of a ldimm64, as `map[id:3]`. */
  readonly immediate64?: (insn: Insn, value: bigint, slot: number) => string | undefined;
  /** A helper's or kernel function's name; of a local call what follows `pc`, as `+37#bpf_prog_f`. */
  readonly callee?: (insn: Insn, slot: number) => string | undefined;
}

export interface DisassembledInsn {
  /** Index of its first slot. */
  readonly slot: number;
  /** 2 for ldimm64. */
  readonly slots: 1 | 2;
  readonly opcode: Opcode | undefined;
  /** The kernel's wording without the opcode byte, as `r1 = *(u64 *)(r10 -8)`. */
  readonly text: string;
}

/**
 * The program in the kernel's wording, one element an instruction. What is no instruction is worded
 * `BUG_xx` by its opcode byte, as the kernel does.
 *
 * Without a resolver the wording is bpftool's, whose dumps hold ids where programs have descriptors:
 * `map[id:3]`, `map[id:3][0]+8`, `subprog[+5]`.
 */
export function disassemble(insns: readonly Insn[], resolver: Resolver = {}): DisassembledInsn[] {
  const lines: DisassembledInsn[] = [];
  for (let slot = 0; slot < insns.length;) {
    const insn = insns[slot]!;
    const opcode = opcodeOf(insn);
    const high = insns[slot + 1];
    const wide = insn.code === LDIMM64 && high !== undefined;
    const text =
      opcode && (insn.code !== LDIMM64 || high)
        ? say(opcode, insn, slot, high?.imm ?? 0, resolver)
        : bugText(insn.code);
    lines.push({ slot, slots: wide ? 2 : 1, opcode, text });
    slot += wide ? 2 : 1;
  }
  return lines;
}

/** Lines as bpftool prints them: `   3: (bf) r6 = r1`. */
export function printProgram(insns: readonly Insn[], resolver: Resolver = {}): string {
  return disassemble(insns, resolver)
    .map(({ slot, text }) => {
      const code = insns[slot]!.code.toString(16).padStart(2, "0");
      return `${String(slot).padStart(4)}: (${code}) ${text}\n`;
    })
    .join("");
}

const wordings = lazy(
  (): ReadonlyMap<Opcode, Wording> =>
    new Map(OPCODES.map((opcode) => [opcode, parseWording(opcode.wording)])),
);

function say(opcode: Opcode, insn: Insn, slot: number, high: number, resolver: Resolver): string {
  const { texts, operands } = wordings().get(opcode)!;
  let text = texts[0]!;
  operands.forEach((operand, index) => {
    text += sayOperand(operand, insn, slot, high, resolver) + texts[index + 1]!;
  });
  return text;
}

function sayOperand(operand: Operand, insn: Insn, slot: number, high: number, resolver: Resolver): string {
  switch (operand) {
    case "dst":
      return String(insn.dst);
    case "src":
      return String(insn.src);
    case "imm":
      return String(insn.imm);
    case "hex":
      return `0x${(insn.imm >>> 0).toString(16)}`;
    case "off":
      return signed(insn.offset);
    case "to":
      return `pc${signed(insn.offset)}`;
    case "far":
      return `pc${signed(insn.imm)}`;
    case "high":
      return String(insn.imm >>> 16);
    case "low":
      return String(insn.imm & 0xffff);
    case "imm64": {
      const value = (BigInt.asUintN(32, BigInt(high)) << 32n) | BigInt.asUintN(32, BigInt(insn.imm));
      return resolver.immediate64?.(insn, value, slot) ?? sayImmediate64(insn, value, high);
    }
    case "callee":
      return sayCallee(insn, resolver.callee?.(insn, slot));
  }
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function sayImmediate64(insn: Insn, value: bigint, high: number): string {
  const low = insn.imm >>> 0;
  switch (insn.src) {
    case PSEUDO.MAP_FD:
      return `map[id:${low}]`;
    case PSEUDO.MAP_VALUE:
      return `map[id:${low}][0]+${high >>> 0}`;
    case PSEUDO.FUNC:
      return `subprog[${signed(insn.imm)}]`;
    // Loaded programs never hold these three, so no dump of the kernel words them.
    case PSEUDO.BTF_ID:
      return high === 0 ? `btf[id:${low}]` : `btf[id:${low}][fd:${high}]`;
    case PSEUDO.MAP_IDX:
      return `map[idx:${low}]`;
    case PSEUDO.MAP_IDX_VALUE:
      return `map[idx:${low}][0]+${high >>> 0}`;
    default:
      return `0x${value.toString(16)}`;
  }
}

function sayCallee(insn: Insn, name: string | undefined): string {
  if (insn.src === CALL.LOCAL) return name ?? signed(insn.imm);
  const helper = insn.src === CALL.HELPER ? nameOf(BPF_FUNC, insn.imm) : undefined;
  const fallback = insn.src === CALL.KFUNC ? "kernel-function" : "unknown";
  return `${helper ? `bpf_${helper}` : (name ?? fallback)}#${insn.imm}`;
}

const BUG_PREFIX: Readonly<Record<number, string>> = { 0: "ld_", 1: "ldx_", 2: "st_" };

function bugText(code: number): string {
  return `BUG_${BUG_PREFIX[code & 7] ?? ""}${code.toString(16).padStart(2, "0")}`;
}
