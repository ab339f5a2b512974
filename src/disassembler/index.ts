export { isMachineArch, openDisassembler } from "./disassembler.ts";
export type { Disassembler, MachineArch, MachineInsn } from "./machine-insn.ts";
