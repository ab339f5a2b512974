import {
  CALL_CLOBBERED,
  CALL,
  FRAME_POINTER,
  implicitWrites,
  isMove,
  LDX,
  MEM,
  MOV64_X,
  SIZE_CODES,
  STX,
  writesDst,
  writesSrc,
} from "./machine.ts";
import type { MachineFunction, MachineInsn, Register, StackSlot } from "./machine.ts";

const LOAD = LDX | MEM | SIZE_CODES[8];
const STORE = STX | MEM | SIZE_CODES[8];

/** Takes spilled values from registers that still hold them. Registers are physical. */
export function dropReloads(fn: MachineFunction): void {
  for (const block of fn.blocks) {
    /** Which slot's value each register holds. */
    const held = new Map<Register, StackSlot>();
    const out: MachineInsn[] = [];
    for (const insn of block.insns) {
      const slot = spillSlot(insn);
      if (slot !== undefined && insn.code === LOAD) {
        const [source] = [...held].find(([, candidate]) => candidate === slot) ?? [];
        if (source === insn.dst) continue;
        if (source !== undefined) {
          out.push({ ...insn, code: MOV64_X, src: source, offset: 0, slot: undefined });
          held.set(insn.dst, slot);
          continue;
        }
      }
      out.push(insn);
      if (slot !== undefined && insn.code === STORE) {
        for (const [register, candidate] of held) if (candidate === slot) held.delete(register);
        held.set(insn.src, slot);
        continue;
      }
      forgetWritten(insn, held);
      if (slot !== undefined) held.set(insn.dst, slot);
    }
    block.insns = out.filter((insn) => !(isMove(insn) && insn.dst === insn.src));
  }
}

function forgetWritten(insn: MachineInsn, held: Map<Register, StackSlot>): void {
  if (writesDst(insn)) held.delete(insn.dst);
  if (writesSrc(insn)) held.delete(insn.src);
  const mask = insn.code === CALL ? CALL_CLOBBERED : implicitWrites(insn);
  for (const register of held.keys()) if ((mask & (1 << register)) !== 0) held.delete(register);
}

/** The slot of a load or store of a spilled register. */
function spillSlot(insn: MachineInsn): StackSlot | undefined {
  if (insn.slot?.spill !== true) return undefined;
  const isSpill =
    (insn.code === LOAD && insn.src === FRAME_POINTER) || (insn.code === STORE && insn.dst === FRAME_POINTER);
  return isSpill ? insn.slot : undefined;
}
