import { aluImmediate, load, move } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { SLOTS } from "./random-program.ts";
import type { Functions } from "./random-program.ts";
import type { Random } from "./random.ts";

// The main function's stack below the slots that all functions use.

/** Where the context's pointer is kept. */
export const CONTEXT: number = -8 * (SLOTS + 1);
/** A key, 16 bytes. */
export const KEY: number = CONTEXT - 16;
/** A value, 32 bytes, always written. */
export const VALUE: number = KEY - 32;
/** A dynptr, 16 bytes. */
export const DYNPTR: number = VALUE - 16;

/** What makers of calls are given. */
export interface Making {
  readonly random: Random;
  readonly functions: Functions;
  /** Descriptors, in the order of FUZZED_MAPS. */
  readonly maps: readonly number[];
  /** Which of its type's programs may use. */
  readonly allowed: readonly number[];
  /** Which of them the program uses. */
  readonly used: Set<number>;
}

/** Makes a call with what comes before and after it; r0 is a number at its end. */
export type CallMaker = (making: Making) => Insn[];

/** A pointer into the stack. */
export function at(register: number, offset: number): Insn[] {
  return [move(register, 10), aluImmediate("ADD", register, offset)];
}

/** One of the slots. */
export function slotOf(random: Random): number {
  return -8 * (1 + random.below(SLOTS));
}

/** A number of at most `mask`, from a slot. */
export function masked(random: Random, register: number, mask: number): Insn[] {
  return [load(8, register, 10, slotOf(random)), aluImmediate("AND", register, mask)];
}

export function contextIn(register: number): Insn {
  return load(8, register, 10, CONTEXT);
}
