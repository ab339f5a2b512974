export type { Insn } from "./insn.ts";
export {
  ALU,
  ATOMIC,
  CALL,
  CLASS,
  JUMP,
  LDIMM64,
  MODE,
  PSEUDO,
  SIZE,
  SOURCE,
  classOf,
  sizeOf,
} from "./encoding.ts";
export type { AluName, AtomicName, ClassName, ConditionName, JumpName, Size } from "./encoding.ts";
export { calledFunction } from "./called-function.ts";
export { decode, encode } from "./codec.ts";
export { OPCODES, opcodeOf } from "./opcode-table.ts";
export type { Opcode, OpcodeForm } from "./opcode-table.ts";
export {
  alu,
  aluImmediate,
  atomic,
  branch,
  branchImmediate,
  call,
  callKernel,
  callLocal,
  exit,
  jump,
  jumpFar,
  load,
  loadFunction,
  loadImmediate64,
  loadKernelVariable,
  loadMap,
  loadMapValue,
  loadPacket,
  loadSigned,
  mayGoto,
  move,
  moveImmediate,
  moveSigned,
  negate,
  store,
  storeImmediate,
  swap,
} from "./builders.ts";
export type { AluOperation, Bits } from "./builders.ts";
export { disassemble, printProgram } from "./disassembler.ts";
export type { DisassembledInsn, Resolver } from "./disassembler.ts";
export { assemble } from "./assembler.ts";
export { explain } from "./explanation.ts";
export type { FieldExplanation, InsnExplanation } from "./explanation.ts";
