import { liveIn, predecessorsOf } from "./liveness.ts";
import { isConditionalJump, MOV64_K, MOV64_X, readsDst, readsSrc, FRAME_POINTER } from "./machine.ts";
import type { MachineFunction, MachineInsn } from "./machine.ts";

/** Moves from registers mostly go when registers are allocated; of constants there must be one only. */
const MOST = 3;

/**
 * `if c { x = 1 } else { x = 0 }` becomes `x = 1; if !c { x = 0 }`: where one way of a fork does nothing
 * but a move that the other way overwrites, the move goes in front of the fork, and a jump is saved.
 */
export function hoistMoves(fn: MachineFunction): void {
  const predecessors = predecessorsOf(fn);
  const needed = liveIn(fn);
  for (const fork of fn.blocks) {
    if (fork.next.length !== 2) continue;
    for (const [index, way] of fork.next.entries()) {
      const other = fork.next[1 - index]!;
      const moves = way.insns;
      const count = moves.length;
      if (count === 0 || count > MOST || way.next.length !== 1) continue;
      if (predecessors.get(way)!.length !== 1 || !moves.every(isPlainMove)) continue;
      if (moves.filter((move) => move.code === MOV64_K).length > 1) continue;
      const jump = fork.insns.at(-1);
      if (jump === undefined || !isConditionalJump(jump)) continue;
      if (other.next.length !== 1 || other.next[0] !== way.next[0]) continue;
      // The values must not be wanted by the other way, where they would now be wrong, nor by the jump.
      const wanted = ({ dst }: MachineInsn): boolean =>
        needed.get(other)!.has(dst) ||
        (readsDst(jump) && jump.dst === dst) ||
        (readsSrc(jump) && jump.src === dst);
      if (moves.some(wanted)) continue;
      way.insns = [];
      fork.insns.splice(-1, 0, ...moves);
      break;
    }
  }
}

function isPlainMove(insn: MachineInsn): boolean {
  if (insn.reloc !== undefined || insn.offset !== 0) return false;
  return insn.code === MOV64_K || (insn.code === MOV64_X && insn.src !== FRAME_POINTER);
}
