import type { Insn } from "../isa/index.ts";
import type { LoadTimeNumber } from "./node.ts";

/** Instruction set versions, as `clang -mcpu` counts them. */
export type CpuVersion = "v1" | "v2" | "v3" | "v4";

/** What must be patched into an instruction at load; `object` has the full list. */
export type UnplacedRelocation =
  | LoadTimeNumber
  | { readonly kind: "map"; readonly map: string; readonly offset?: number }
  | { readonly kind: "kfunc"; readonly name: string; readonly weak?: boolean }
  | { readonly kind: "ksym"; readonly name: string; readonly typed: boolean; readonly weak?: boolean };

/** `insn` counts 8-byte slots from the program's start. */
export type CodeRelocation =
  | (UnplacedRelocation & { readonly insn: number })
  | { readonly kind: "function"; readonly insn: number; readonly target: number };

export interface CodeLine {
  readonly insn: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** What a module compiles to: the fields of a program that depend on its code. */
export interface ProgramCode {
  readonly insns: readonly Insn[];
  readonly relocations: readonly CodeRelocation[];
  readonly functions: readonly { readonly insn: number; readonly typeId: number }[];
  readonly lines: readonly CodeLine[];
  /** Bytes of stack that the first function uses. */
  readonly stackSize: number;
}
