import {
  CALL,
  CLASS,
  JUMP,
  LDIMM64,
  PSEUDO,
  alu,
  aluImmediate,
  atomic,
  branch,
  branchImmediate,
  callLocal,
  exit,
  jumpFar,
  load,
  loadImmediate64,
  loadSigned,
  move,
  moveImmediate,
  moveSigned,
  negate,
  store,
  storeImmediate,
  swap,
} from "../../src/isa/index.ts";
import type { AluOperation, AtomicName, ConditionName, Insn, Size } from "../../src/isa/index.ts";

import type { Random } from "./random.ts";

const ALU_OPERATIONS: readonly AluOperation[] = [
  "ADD",
  "SUB",
  "MUL",
  "DIV",
  "OR",
  "AND",
  "LSH",
  "RSH",
  "MOD",
  "XOR",
  "ARSH",
  "SDIV",
  "SMOD",
];
const CONDITIONS: readonly ConditionName[] = [
  "JEQ",
  "JNE",
  "JGT",
  "JGE",
  "JLT",
  "JLE",
  "JSGT",
  "JSGE",
  "JSLT",
  "JSLE",
  "JSET",
];
const ATOMICS: readonly AtomicName[] = [
  "ADD",
  "OR",
  "AND",
  "XOR",
  "FETCH_ADD",
  "FETCH_OR",
  "FETCH_AND",
  "FETCH_XOR",
  "XCHG",
  "CMPXCHG",
];
const SIZES: readonly Size[] = [1, 2, 4, 8];

/** What may follow a jump: parts of a program, each entered at its first instruction. */
export type Part = readonly Insn[];

/** r0 to r7 hold numbers, r8 counts a loop; r9 is left to who makes the program. */
export const SCALARS = 8;
export const SLOTS = 6;

/** Bytes of the context: what registers and stack slots begin with, and what they ended with. */
export const CONTEXT_SIZE: number = (SCALARS + SLOTS) * 8;

/** The functions of a program as they are made: calls name them by their number until all is linked. */
export class Functions {
  readonly bodies: Insn[][] = [];

  add(body: Insn[]): number {
    return this.bodies.push(body) - 1;
  }
}

/** Puts the functions behind the main one; `starts` are their first slots. */
export function link(main: Part, { bodies }: Functions): { insns: Insn[]; starts: number[] } {
  const starts = [0];
  let end = main.length;
  for (const body of bodies) {
    starts.push(end);
    end += body.length;
  }
  const insns = [main, ...bodies].flat().map((insn, slot) => {
    const names =
      (insn.code === LDIMM64 && insn.src === PSEUDO.FUNC) ||
      (insn.code === (CLASS.JMP | JUMP.CALL) && insn.src === CALL.LOCAL);
    return names ? { ...insn, imm: starts[insn.imm + 1]! - slot - 1 } : insn;
  });
  return { insns, starts };
}

/**
 * A program that the verifier should accept: every register and stack slot it reads was written, all
 * jumps go forward but for one counted loop. It loads its state from the context and writes it back.
 */
export function randomProgram(random: Random, length: number): Insn[] {
  const functions = new Functions();
  const main = [move(9, 1), ...loadState(9)];
  main.push(
    ...randomBody(random, length, () => (random.below(8) === 0 ? localCall(random, functions) : undefined)),
  );
  main.push(...saveState(9), moveImmediate(0, 0), exit());
  return link(main, functions).insns;
}

/** Registers and slots from where a register points, and back. */
export function loadState(from: number): Insn[] {
  const insns: Insn[] = [];
  for (let slot = 0; slot < SLOTS; slot++)
    insns.push(load(8, 2, from, (SCALARS + slot) * 8), store(8, 10, -8 * (slot + 1), 2));
  for (let register = 0; register < SCALARS; register++) insns.push(load(8, register, from, register * 8));
  return insns;
}

export function saveState(to: number): Insn[] {
  const insns: Insn[] = [];
  for (let register = 0; register < SCALARS; register++) insns.push(store(8, to, register * 8, register));
  for (let slot = 0; slot < SLOTS; slot++)
    insns.push(load(8, 2, 10, -8 * (slot + 1)), store(8, to, (SCALARS + slot) * 8, 2));
  return insns;
}

/** Functions call others this deep, each with the slots that it begins with on its own stack. */
const MAX_DEPTH = 3;

/** A call of a function with numbers; it leaves r1 to r5 unreadable, so they are given values again. */
export function localCall(random: Random, functions: Functions, depth = 0): Insn[] {
  const index = functions.add(randomFunction(random, functions, depth));
  return [callLocal(index), ...[1, 2, 3, 4, 5].map((register) => moveImmediate(register, random.imm()))];
}

function randomFunction(random: Random, functions: Functions, depth: number): Insn[] {
  const insns: Insn[] = [move(0, 1), move(6, 3), moveImmediate(7, random.imm())];
  for (let slot = 0; slot < SLOTS; slot++) insns.push(store(8, 10, -8 * (slot + 1), random.below(SCALARS)));
  const body = randomBody(random, 1 + random.below(10), () =>
    depth + 1 < MAX_DEPTH && random.below(10) === 0 ? localCall(random, functions, depth + 1) : undefined,
  );
  return [...insns, ...body, exit()];
}

/** Makes a part of its own, or nothing. */
export type PartMaker = (random: Random) => Insn[] | undefined;

export function randomBody(random: Random, length: number, own: PartMaker = () => undefined): Insn[] {
  const parts: Insn[][] = [];
  for (let count = 0; count < length; count++) parts.push(own(random) ?? randomInsns(random));
  if (random.below(3) === 0 && length > 6) addLoop(random, parts);
  else addBranches(random, parts);
  return parts.flat();
}

/** A loop of a few turns over some of the parts; the verifier walks each turn. */
function addLoop(random: Random, parts: Insn[][]): void {
  const first = random.below(parts.length - 3);
  const body = parts.slice(first, first + 3).flat();
  const turns = 1 + random.below(6);
  parts.splice(first, 3, [moveImmediate(8, turns)], body, [
    aluImmediate("SUB", 8, 1),
    branchImmediate("JNE", 8, 0, -(body.length + 2)),
  ]);
}

/** Puts branches before some parts that skip a few of those which follow. */
function addBranches(random: Random, parts: Insn[][]): void {
  for (let position = parts.length - 1; position >= 0; position--) {
    if (random.below(5) !== 0) continue;
    const skipped = parts
      .slice(position, position + 1 + random.below(4))
      .reduce((sum, part) => sum + part.length, 0);
    parts.splice(position, 0, randomJump(random, skipped));
  }
}

/** A branch over some instructions, or one over a jump of 32 bits that skips them. */
function randomJump(random: Random, distance: number): Insn[] {
  return random.below(6) === 0
    ? [randomBranch(random, 1), jumpFar(distance)]
    : [randomBranch(random, distance)];
}

function randomBranch(random: Random, distance: number): Insn {
  const condition = random.pick(CONDITIONS);
  const bits = random.pick([32, 64] as const);
  const dst = random.below(SCALARS);
  return random.below(2) === 0
    ? branch(condition, dst, random.below(SCALARS), distance, bits)
    : branchImmediate(condition, dst, random.imm(), distance, bits);
}

function randomInsns(random: Random): Insn[] {
  const register = (): number => random.below(SCALARS);
  const size = random.pick(SIZES);
  const address = -8 * (1 + random.below(SLOTS)) + size * random.below(8 / size);
  switch (random.below(9)) {
    case 8:
      return [
        random.below(2) === 0
          ? atomic("LOAD_ACQ", size, register(), address, 10)
          : atomic("STORE_REL", size, 10, address, register()),
      ];
    case 0:
      return [load(size, register(), 10, address)];
    case 1:
      return [store(size, 10, address, register())];
    case 2:
      return [storeImmediate(size, 10, address, random.imm())];
    case 3:
      return size === 8
        ? loadImmediate64(register(), wide(random))
        : [loadSigned(size, register(), 10, address)];
    case 4:
      return size === 4 || size === 8
        ? randomAtomic(random, size, address)
        : [swap(random.pick(["le", "be", "bswap"] as const), random.pick([16, 32, 64] as const), register())];
    default:
      return randomAlu(random, register);
  }
}

/**
 * Steers around two faults of Linux 6.18's verifier that this fuzzer found; docs/vm.md tells them. An update
 * without fetch makes the slot unknown before it is fetched; a 32-bit cmpxchg's r0 is zero-extended by hand.
 */
function randomAtomic(random: Random, size: 4 | 8, address: number): Insn[] {
  const forget = atomic("ADD", 8, 10, address & ~7, random.below(SCALARS));
  const operation = random.pick(ATOMICS);
  const insns = [forget, atomic(operation, size, 10, address, random.below(SCALARS))];
  return operation === "CMPXCHG" && size === 4 ? [...insns, move(0, 0, 32)] : insns;
}

function wide(random: Random): bigint {
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32());
}

function randomAlu(random: Random, register: () => number): Insn[] {
  const bits = random.pick([32, 64] as const);
  const operation = random.pick(ALU_OPERATIONS);
  switch (random.below(8)) {
    case 0:
      return [negate(register(), bits)];
    case 1:
      return [
        moveSigned(
          random.pick(bits === 64 ? ([8, 16, 32] as const) : ([8, 16] as const)),
          register(),
          register(),
          bits,
        ),
      ];
    case 2:
      return [move(register(), register(), bits)];
    case 3:
      return [moveImmediate(register(), random.imm(), bits)];
    case 4:
    case 5:
      return [alu(operation, register(), register(), bits)];
    default:
      return [aluImmediate(operation, register(), fitting(operation, random, bits), bits)];
  }
}

/** The verifier refuses division by 0 and counts beyond the width where it sees them. */
function fitting(operation: AluOperation, random: Random, bits: number): number {
  if (operation.endsWith("SH")) return random.below(bits);
  const imm = random.imm();
  return imm === 0 && /DIV|MOD/.test(operation) ? 1 : imm;
}
