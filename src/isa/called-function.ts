import { CALL, CLASS, JUMP, LDIMM64, PSEUDO } from "./encoding.ts";
import type { Insn } from "./insn.ts";

/** First slot of the function of the same program that the instruction at `slot` calls or takes the address of. */
export function calledFunction({ code, src, imm }: Insn, slot: number): number | undefined {
  const calls = code === (CLASS.JMP | JUMP.CALL) && src === CALL.LOCAL;
  return calls || (code === LDIMM64 && src === PSEUDO.FUNC) ? slot + 1 + imm : undefined;
}
