import {
  FRAME_POINTER,
  isMove,
  LDX,
  machineInsn,
  MEM,
  readsDst,
  readsSrc,
  SIZE_CODES,
  STX,
  writesDst,
  writesSrc,
} from "./machine.ts";
import type { MachineFunction, MachineInsn, Register, StackSlot } from "./machine.ts";

const LOAD = LDX | MEM | SIZE_CODES[8];
const STORE = STX | MEM | SIZE_CODES[8];

/** Keeps registers on the stack: loaded in front of each use, stored behind each definition. Always whole. */
export function spill(fn: MachineFunction, registers: readonly Register[], temporaries: Set<Register>): void {
  const slots = new Map<Register, StackSlot>(
    registers.map((register) => [
      register,
      { size: 8, align: 8, name: undefined, position: undefined, spill: true, escapes: false, offset: 0 },
    ]),
  );
  for (const block of fn.blocks) {
    const out: MachineInsn[] = [];
    for (const insn of block.insns) {
      const { position } = insn;
      const load = (dst: Register, slot: StackSlot): MachineInsn =>
        machineInsn(LOAD, { dst, src: FRAME_POINTER, slot, slots: [...insn.slots, slot], position });
      const store = (src: Register, slot: StackSlot): MachineInsn =>
        machineInsn(STORE, { dst: FRAME_POINTER, src, slot, slots: [...insn.slots, slot], position });
      const dstSlot = readsDst(insn) || writesDst(insn) ? slots.get(insn.dst) : undefined;
      const srcSlot = readsSrc(insn) || writesSrc(insn) ? slots.get(insn.src) : undefined;
      if (dstSlot === undefined && srcSlot === undefined) {
        out.push(insn);
        continue;
      }
      if (isMove(insn) && (dstSlot === undefined || srcSlot === undefined)) {
        if (dstSlot === undefined) out.push(load(insn.dst, srcSlot!));
        else out.push(store(insn.src, dstSlot));
        continue;
      }
      const temporary = (): Register => {
        const register = fn.nextRegister++;
        temporaries.add(register);
        return register;
      };
      const same = dstSlot !== undefined && dstSlot === srcSlot;
      const after: MachineInsn[] = [];
      if (dstSlot !== undefined) {
        const register = temporary();
        insn.dst = register;
        if (readsDst(insn) || same) out.push(load(register, dstSlot));
        if (writesDst(insn)) after.push(store(register, dstSlot));
        if (same) insn.src = register;
      }
      if (srcSlot !== undefined && !same) {
        const register = temporary();
        insn.src = register;
        if (readsSrc(insn)) out.push(load(register, srcSlot));
        if (writesSrc(insn)) after.push(store(register, srcSlot));
      }
      out.push(insn, ...after);
    }
    block.insns = out;
  }
}
