import {
  alu,
  aluImmediate,
  atomic,
  branch,
  branchImmediate,
  callLocal,
  exit,
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

/** The same numbers for the same seed, on every machine (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  below(limit: number): number {
    return this.u32() % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Numbers near the edges of their widths more often than others. */
  imm(): number {
    const edges = [0, 1, -1, 2, 0x7f, -0x80, 0xffff, 0x7fffffff, -0x80000000];
    return this.below(2) === 0 ? this.pick(edges) : this.u32() | 0;
  }
}

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

/** r0 to r7 hold numbers, r9 the context, r8 counts a loop. */
export const SCALARS = 8;
export const SLOTS = 6;

/** Bytes of the context: what registers and stack slots begin with, and what they ended with. */
export const CONTEXT_SIZE: number = (SCALARS + SLOTS) * 8;

/**
 * A program that the verifier should accept: every register and stack slot it reads was written, all
 * jumps go forward but for one counted loop. It loads its state from the context and writes it back.
 */
export function randomProgram(random: Random, length: number): Insn[] {
  const prologue = [move(9, 1)];
  for (let slot = 0; slot < SLOTS; slot++) {
    prologue.push(load(8, 2, 9, (SCALARS + slot) * 8), store(8, 10, -8 * (slot + 1), 2));
  }
  for (let register = 0; register < SCALARS; register++) prologue.push(load(8, register, 9, register * 8));
  const epilogue: Insn[] = [];
  for (let register = 0; register < SCALARS; register++) epilogue.push(store(8, 9, register * 8, register));
  for (let slot = 0; slot < SLOTS; slot++) {
    epilogue.push(load(8, 2, 10, -8 * (slot + 1)), store(8, 9, (SCALARS + slot) * 8, 2));
  }
  epilogue.push(moveImmediate(0, 0), exit());
  const callee = random.below(3) === 0 ? randomFunction(random) : undefined;
  const body = callee ? withCall(random, length, epilogue.length) : randomBody(random, length);
  return [...prologue, ...body, ...epilogue, ...(callee ?? [])];
}

/** A body with one call of the function that follows the epilogue. */
function withCall(random: Random, length: number, epilogue: number): Insn[] {
  const before = randomBody(random, length >> 1);
  const after = randomBody(random, length >> 1);
  // A call leaves r1 to r5 unreadable, so they are given values again.
  const again = [1, 2, 3, 4, 5].map((register) => moveImmediate(register, random.imm()));
  return [...before, callLocal(again.length + after.length + epilogue), ...again, ...after];
}

function randomFunction(random: Random): Insn[] {
  const insns: Insn[] = [move(0, 1)];
  for (let count = random.below(10); count > 0; count--) {
    insns.push(...randomAlu(random, () => random.below(6)));
  }
  insns.push(moveImmediate(6, random.imm()), moveImmediate(7, random.imm()), exit());
  return insns;
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
    parts.splice(position, 0, [randomBranch(random, skipped)]);
  }
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
  switch (random.below(8)) {
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
