import { FIRST_VIRTUAL, readsDst, readsSrc, writesDst, writesSrc } from "./machine.ts";
import type { MachineBlock, MachineFunction, Register } from "./machine.ts";

/** Virtual registers alive at the end of each block. */
export type LiveOut = ReadonlyMap<MachineBlock, ReadonlySet<Register>>;

/** Walks from every use that its block does not define back to the definitions: work only where values cross blocks. */
export function liveOut(fn: MachineFunction): LiveOut {
  const predecessors = new Map<MachineBlock, MachineBlock[]>(fn.blocks.map((block) => [block, []]));
  for (const block of fn.blocks) for (const next of block.next) predecessors.get(next)!.push(block);
  const out = new Map<MachineBlock, Set<Register>>(fn.blocks.map((block) => [block, new Set()]));
  const defined = new Map<MachineBlock, Set<Register>>();
  const exposed: [MachineBlock, Register][] = [];
  for (const block of fn.blocks) {
    const defs = new Set<Register>();
    const seen = new Set<Register>();
    const use = (register: Register): void => {
      if (register < FIRST_VIRTUAL || defs.has(register) || seen.has(register)) return;
      seen.add(register);
      exposed.push([block, register]);
    };
    for (const insn of block.insns) {
      if (readsDst(insn)) use(insn.dst);
      if (readsSrc(insn)) use(insn.src);
      if (writesDst(insn)) defs.add(insn.dst);
      if (writesSrc(insn)) defs.add(insn.src);
    }
    defined.set(block, defs);
  }
  for (let item = exposed.pop(); item !== undefined; item = exposed.pop()) {
    const [block, register] = item;
    for (const from of predecessors.get(block)!) {
      const live = out.get(from)!;
      if (live.has(register)) continue;
      live.add(register);
      if (!defined.get(from)!.has(register)) exposed.push([from, register]);
    }
  }
  return out;
}
