import type { BinaryOp, Predicate } from "../node.ts";
import * as m from "./machine.ts";

export interface BinaryRow {
  readonly code: number;
  readonly commutes?: boolean;
  readonly shift?: boolean;
  readonly divides?: boolean;
  /** Told from the unsigned one by the offset field, since v4. */
  readonly signed?: boolean;
}

export const BINARY_CODES: Readonly<Record<BinaryOp, BinaryRow>> = {
  add: { code: m.ADD, commutes: true },
  sub: { code: m.SUB },
  mul: { code: m.MUL, commutes: true },
  udiv: { code: m.DIV, divides: true },
  sdiv: { code: m.DIV, divides: true, signed: true },
  umod: { code: m.MOD, divides: true },
  smod: { code: m.MOD, divides: true, signed: true },
  and: { code: m.AND, commutes: true },
  or: { code: m.OR, commutes: true },
  xor: { code: m.XOR, commutes: true },
  shl: { code: m.LSH, shift: true },
  lshr: { code: m.RSH, shift: true },
  ashr: { code: m.ARSH, shift: true },
};

interface JumpRow {
  /** Undefined: there is only the opposite. */
  readonly code: number | undefined;
  readonly sinceV2?: boolean;
}

export const JUMP_CODES: Readonly<Record<Predicate, JumpRow>> = {
  eq: { code: m.JEQ },
  ne: { code: m.JNE },
  ult: { code: m.JLT, sinceV2: true },
  ule: { code: m.JLE, sinceV2: true },
  ugt: { code: m.JGT },
  uge: { code: m.JGE },
  slt: { code: m.JSLT, sinceV2: true },
  sle: { code: m.JSLE, sinceV2: true },
  sgt: { code: m.JSGT },
  sge: { code: m.JSGE },
  set: { code: m.JSET },
  clear: { code: undefined },
};
