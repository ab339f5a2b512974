import { liveIn, predecessorsOf } from "./liveness.ts";
import { isConditionalJump, MOV64_K, MOV64_X, readsDst, readsSrc, FRAME_POINTER } from "./machine.ts";
import type { MachineFunction, MachineInsn } from "./machine.ts";

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
      const [move] = way.insns;
      if (way.insns.length !== 1 || move === undefined || way.next.length !== 1) continue;
      if (predecessors.get(way)!.length !== 1 || !isPlainMove(move)) continue;
      const jump = fork.insns.at(-1);
      if (jump === undefined || !isConditionalJump(jump)) continue;
      if ((readsDst(jump) && jump.dst === move.dst) || (readsSrc(jump) && jump.src === move.dst)) continue;
      // The value must not be wanted by the other way, where it would now be wrong.
      if (needed.get(other)!.has(move.dst) || other.next.length !== 1 || other.next[0] !== way.next[0])
        continue;
      way.insns = [];
      fork.insns.splice(-1, 0, move);
      break;
    }
  }
}

function isPlainMove(insn: MachineInsn): boolean {
  if (insn.reloc !== undefined || insn.offset !== 0) return false;
  return insn.code === MOV64_K || (insn.code === MOV64_X && insn.src !== FRAME_POINTER);
}
