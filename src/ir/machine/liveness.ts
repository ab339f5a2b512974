import { FIRST_VIRTUAL, readsDst, readsSrc, writesDst, writesSrc } from "./machine.ts";
import type { MachineBlock, MachineFunction, Register } from "./machine.ts";

/** Virtual registers alive at the end, or the start, of each block. */
export type Liveness = ReadonlyMap<MachineBlock, ReadonlySet<Register>>;

/** Walks from every use that its block does not define back to the definitions: work only where values cross blocks. */
export function liveOut(fn: MachineFunction): Liveness {
  return flow(fn, predecessorsOf(fn)).out;
}

/** Virtual registers whose values each block, or what follows it, needs from before. */
export function liveIn(fn: MachineFunction): Liveness {
  return flow(fn, predecessorsOf(fn)).into;
}

export function predecessorsOf(fn: MachineFunction): Map<MachineBlock, MachineBlock[]> {
  const predecessors = new Map<MachineBlock, MachineBlock[]>(fn.blocks.map((block) => [block, []]));
  for (const block of fn.blocks) for (const next of block.next) predecessors.get(next)!.push(block);
  return predecessors;
}

function flow(
  fn: MachineFunction,
  predecessors: ReadonlyMap<MachineBlock, readonly MachineBlock[]>,
): { readonly into: Liveness; readonly out: Liveness } {
  const sets = (): Map<MachineBlock, Set<Register>> => new Map(fn.blocks.map((block) => [block, new Set()]));
  const [into, out, defined] = [sets(), sets(), sets()];
  const stack: [MachineBlock, Register][] = [];
  for (const block of fn.blocks) {
    const defs = defined.get(block)!;
    const live = into.get(block)!;
    const use = (register: Register): void => {
      if (register < FIRST_VIRTUAL || defs.has(register) || live.has(register)) return;
      live.add(register);
      stack.push([block, register]);
    };
    for (const insn of block.insns) {
      if (readsDst(insn)) use(insn.dst);
      if (readsSrc(insn)) use(insn.src);
      if (writesDst(insn)) defs.add(insn.dst);
      if (writesSrc(insn)) defs.add(insn.src);
    }
  }
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const [block, register] = item;
    for (const from of predecessors.get(block)!) {
      out.get(from)!.add(register);
      if (into.get(from)!.has(register) || defined.get(from)!.has(register)) continue;
      into.get(from)!.add(register);
      stack.push([from, register]);
    }
  }
  return { into, out };
}
