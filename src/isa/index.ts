export type { Insn } from "./insn.ts";
