import { colour } from "./colouring.ts";
import { coalesce } from "./coalescing.ts";
import { interferenceGraph } from "./interference.ts";
import { FIRST_VIRTUAL, isMove, readsDst, readsSrc, writesDst, writesSrc } from "./machine.ts";
import type { MachineFunction, Register } from "./machine.ts";
import { dropReloads } from "./reloads.ts";
import { spill } from "./spilling.ts";

/** How much rather others are spilled than numbers whose bounds matter. */
const BOUNDED = 16;
/** Two or three are usual; more than this is a bug. */
const MOST_ROUNDS = 40;

/**
 * Gives every virtual register a physical one: graph colouring as Chaitin and Briggs do it, with
 * conservative coalescing. What finds no register goes to the stack, and all starts anew.
 */
export function allocateRegisters(fn: MachineFunction): void {
  /** Registers that only carry a value to or from the stack: to spill them again would not help. */
  const temporaries = new Set<Register>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const graph = interferenceGraph(fn);
    const aliases = coalesce(graph);
    rename(fn, (register) => aliases.find(register));
    fn.bounded = new Set([...fn.bounded].map((register) => aliases.find(register)));
    const reluctance = (register: Register): number =>
      temporaries.has(register) ? Infinity : fn.bounded.has(register) ? BOUNDED : 1;
    const { colours, spilled } = colour(graph, aliases, reluctance);
    if (spilled.length === 0) {
      rename(fn, (register) => colours[register]!);
      if (round > 0) dropReloads(fn);
      return;
    }
    spill(fn, spilled, temporaries);
  }
  throw new TypeError(`${fn.name}: no registers after ${MOST_ROUNDS} rounds of spilling`);
}

/** Renames virtual registers and drops the moves that have become idle. */
function rename(fn: MachineFunction, to: (register: Register) => Register): void {
  for (const block of fn.blocks) {
    block.insns = block.insns.filter((insn) => {
      const dst = writesDst(insn) || readsDst(insn);
      if (dst && insn.dst >= FIRST_VIRTUAL) insn.dst = to(insn.dst);
      if ((readsSrc(insn) || writesSrc(insn)) && insn.src >= FIRST_VIRTUAL) insn.src = to(insn.src);
      return !(isMove(insn) && insn.dst === insn.src);
    });
  }
}
