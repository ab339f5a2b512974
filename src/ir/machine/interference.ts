import { liveOut } from "./liveness.ts";
import {
  FIRST_VIRTUAL,
  implicitReads,
  implicitWrites,
  isMove,
  readsDst,
  readsSrc,
  writesDst,
  writesSrc,
} from "./machine.ts";
import type { MachineFunction, MachineInsn, Register } from "./machine.ts";

export interface Move {
  readonly dst: Register;
  readonly src: Register;
  readonly weight: number;
}

export interface InterferenceGraph {
  /** By virtual register: the virtual ones alive at the same time. */
  readonly neighbours: (Set<Register> | undefined)[];
  /** By virtual register: a mask of the physical ones in use at the same time. */
  readonly forbidden: Uint16Array;
  readonly moves: Move[];
  /** By virtual register: uses and definitions, weighted by how often they run. */
  readonly cost: Float64Array;
}

export function interferenceGraph(fn: MachineFunction): InterferenceGraph {
  const count = fn.nextRegister;
  const neighbours: (Set<Register> | undefined)[] = Array.from({ length: count });
  const forbidden = new Uint16Array(count);
  const cost = new Float64Array(count);
  const moves: Move[] = [];
  const out = liveOut(fn);

  for (const block of fn.blocks) {
    const live = new Set(out.get(block));
    let physical = 0;
    const define = (register: Register, except: Register): void => {
      if (register < FIRST_VIRTUAL) {
        const bit = 1 << register;
        for (const other of live) if (other !== except) forbidden[other]! |= bit;
        physical &= ~bit;
        return;
      }
      live.delete(register);
      const mine = (neighbours[register] ??= new Set());
      for (const other of live) {
        if (other === except) continue;
        mine.add(other);
        (neighbours[other] ??= new Set()).add(register);
      }
      const busy = except < FIRST_VIRTUAL ? physical & ~(1 << except) : physical;
      forbidden[register]! |= busy;
      cost[register]! += block.frequency;
    };
    const use = (register: Register): void => {
      if (register < FIRST_VIRTUAL) {
        physical |= 1 << register;
        return;
      }
      if (!live.has(register)) {
        live.add(register);
        neighbours[register] ??= new Set();
      }
      cost[register]! += block.frequency;
    };
    for (let index = block.insns.length - 1; index >= 0; index--) {
      const insn = block.insns[index]!;
      const move = isMove(insn);
      if (move) moves.push({ dst: insn.dst, src: insn.src, weight: block.frequency });
      // A move's two ends hold the same value: sharing a register is what we hope for.
      if (writesDst(insn)) define(insn.dst, move ? insn.src : -1);
      if (writesSrc(insn)) define(insn.src, -1);
      defineImplicit(insn, live, forbidden);
      physical &= ~implicitWrites(insn);
      physical |= implicitReads(insn);
      if (readsDst(insn)) use(insn.dst);
      if (readsSrc(insn)) use(insn.src);
    }
  }
  return { neighbours, forbidden, moves, cost };
}

function defineImplicit(insn: MachineInsn, live: ReadonlySet<Register>, forbidden: Uint16Array): void {
  const written = implicitWrites(insn);
  if (written === 0) return;
  for (const register of live) forbidden[register]! |= written;
}
