import { BpfkitError } from "../../../errors.ts";
import { CALL, LDIMM64, calledFunction, disassemble, opcodeOf } from "../../../isa/index.ts";
import type { Insn, Opcode } from "../../../isa/index.ts";

/** The deepest chain of calls inside a program (MAX_CALL_FRAMES of include/linux/bpf_verifier.h). */
export const MAX_FRAMES = 8;

/** The most functions that a program has (BPF_MAX_SUBPROGS, there). */
export const MAX_FUNCTIONS = 256;

/** A program whose every instruction and jump was checked; see {@link checkProgram}. */
export interface CheckedProgram {
  readonly insns: readonly Insn[];
  /** By slot; undefined for the second slot of ldimm64. */
  readonly opcodes: readonly (Opcode | undefined)[];
  /** First slots of functions, the main one first. */
  readonly functions: readonly number[];
}

/**
 * Checks what machines rely on: known opcodes and registers, jumps to instructions, no running off the
 * end, no recursion. What the program does with memory is not looked at.
 * @throws BpfkitError `vm/program`
 */
export function checkProgram(insns: readonly Insn[]): CheckedProgram {
  if (insns.length === 0) throw refuse(insns, 0, "the program is empty");
  const opcodes: (Opcode | undefined)[] = Array.from({ length: insns.length });
  for (let slot = 0; slot < insns.length; slot++) {
    const insn = insns[slot]!;
    const opcode = opcodeOf(insn);
    if (!opcode || (insn.code === LDIMM64 && slot + 1 === insns.length))
      throw refuse(insns, slot, "unknown opcode");
    if (opcode.form === "call" && insn.src !== CALL.HELPER) throw refuse(insns, slot, "unknown kind of call");
    if (insn.dst > 10 || (insn.src > 10 && insn.code !== LDIMM64))
      throw refuse(insns, slot, "unknown register");
    opcodes[slot] = opcode;
    if (insn.code === LDIMM64) slot++;
  }
  const { functions, calls } = walk(insns, opcodes);
  const starts = [...functions].sort((a, b) => a - b);
  checkDepth(insns, starts, calls);
  return { insns, opcodes, functions: starts };
}

/** Follows all jumps and calls from the start; what they do not reach never runs. */
function walk(
  insns: readonly Insn[],
  opcodes: readonly (Opcode | undefined)[],
): { functions: Set<number>; calls: { from: number; to: number }[] } {
  const functions = new Set([0]);
  const calls: { from: number; to: number }[] = [];
  const seen = new Set<number>();
  const work = [0];
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    if (seen.has(slot)) continue;
    seen.add(slot);
    const insn = insns[slot]!;
    const opcode = opcodes[slot]!;
    const next = successors(insn, opcode, slot);
    const target = next.find((other) => !opcodes[other]);
    if (target !== undefined) throw refuse(insns, slot, `no instruction at ${target}, where it goes`);
    const callee = calledFunction(insn, slot);
    if (callee !== undefined) {
      if (!opcodes[callee]) throw refuse(insns, slot, `no function at ${callee}`);
      functions.add(callee);
      if (functions.size > MAX_FUNCTIONS)
        throw refuse(insns, slot, `there are more functions than ${MAX_FUNCTIONS}`);
      next.push(callee);
      if (opcode.form === "callLocal") calls.push({ from: slot, to: callee });
    }
    work.push(...next);
  }
  return { functions, calls };
}

/** Slots that may follow an instruction: the next one first, then the target of a taken jump. */
export function successors(insn: Insn, opcode: Opcode, slot: number): number[] {
  switch (opcode.form) {
    case "exit":
    case "jumpRegister":
      return [];
    case "jump":
      return [slot + 1 + insn.offset];
    case "jumpFar":
      return [slot + 1 + insn.imm];
    case "branch":
    case "mayGoto":
      return [slot + 1, slot + 1 + insn.offset];
    case "loadImmediate64":
      return [slot + 2];
    default:
      return [slot + 1];
  }
}

function checkDepth(
  insns: readonly Insn[],
  starts: readonly number[],
  calls: readonly { from: number; to: number }[],
): void {
  const functionOf = (slot: number): number => starts.findLast((start) => start <= slot)!;
  // Functions call each other from many places: one of each pair is enough.
  const pairs = new Map(calls.map(({ from, to }) => [functionOf(from) * insns.length + to, { from, to }]));
  const depths = new Map<number, number>(starts.map((start) => [start, 1]));
  // Depths only grow, and beyond the limit is an error: this ends, also where functions call each other.
  for (let changed = true; changed;) {
    changed = false;
    for (const { from, to } of pairs.values()) {
      const depth = depths.get(functionOf(from))! + 1;
      if (depth > MAX_FRAMES) throw refuse(insns, from, `calls are nested deeper than ${MAX_FRAMES}`);
      if (depth <= depths.get(to)!) continue;
      depths.set(to, depth);
      changed = true;
    }
  }
}

function refuse(insns: readonly Insn[], slot: number, reason: string): BpfkitError {
  const text = disassemble(insns.slice(slot, slot + 2))[0]?.text ?? "";
  return new BpfkitError(`The program cannot run: instruction ${slot}${text && ` (${text})`}: ${reason}`, {
    code: "vm/program",
  });
}
