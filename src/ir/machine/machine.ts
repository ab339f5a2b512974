import type { SourcePosition } from "../node.ts";
import type { UnplacedRelocation } from "../program-code.ts";

/** 0 to 10: r0 to r10. From {@link FIRST_VIRTUAL}: not yet allocated. */
export type Register = number;

export const FIRST_VIRTUAL = 16;
export const NO_REGISTER: Register = 0;
export const FRAME_POINTER: Register = 10;
/** r0 to r5 do not survive a call. */
export const CALL_CLOBBERED = 0x3f;
/** r0 to r9. */
export const ALLOCATABLE = 0x3ff;

/** A piece of the stack frame: an alloca or a spilled register. */
export interface StackSlot {
  readonly size: number;
  readonly align: number;
  readonly name: string | undefined;
  readonly position: SourcePosition | undefined;
  /** Holds a register, and is reached by nothing but loads and stores of that. */
  readonly spill: boolean;
  /** Its address is kept somewhere, so that it lives as long as the function. */
  escapes: boolean;
  /** From r10, negative; known when the frame is laid out. */
  offset: number;
}

/** One instruction of the target, before jump offsets and stack offsets are known. */
export interface MachineInsn {
  code: number;
  dst: Register;
  src: Register;
  offset: number;
  imm: number;
  /** Immediate of the second slot of an ldimm64. */
  high: number;
  /** Added to `offset` (memory access) or `imm` (address) when the frame is laid out. */
  slot: StackSlot | undefined;
  /** Every slot that the instruction keeps alive: those it reaches through pointers too. */
  slots: readonly StackSlot[];
  reloc: UnplacedRelocation | undefined;
  /** Name of the function that a call or address goes to. */
  target: string | undefined;
  /** Calls: how many of r1 to r5 are read. Exit: whether r0 is. */
  reads: number;
  position: SourcePosition | undefined;
}

export interface MachineBlock {
  readonly id: number;
  insns: MachineInsn[];
  /** None: ends in exit. One: falls or jumps there. Two: the last instruction is a jump, taken to the first. */
  next: MachineBlock[];
  /** Which of two ways is usual. */
  likely: boolean | undefined;
  /** Times that it is thought to run each time that the program runs. */
  frequency: number;
}

export interface MachineFunction {
  readonly name: string;
  readonly typeId: number | undefined;
  readonly position: SourcePosition | undefined;
  blocks: MachineBlock[];
  nextRegister: Register;
  /**
   * Numbers that the verifier must know bounds of: distances in memory, sizes. Kernels before 5.11 forget
   * them in a stack slot (mark_reg_unknown in check_stack_read), so others are spilled first.
   */
  bounded: Set<Register>;
}

// Instruction classes, sizes, modes and operations: include/uapi/linux/bpf.h and bpf_common.h.
export const LD = 0x00;
export const LDX = 0x01;
export const ST = 0x02;
export const STX = 0x03;
export const ALU = 0x04;
export const JMP = 0x05;
export const JMP32 = 0x06;
export const ALU64 = 0x07;

export const MEM = 0x60;
export const MEMSX = 0x80;
export const ATOMIC = 0xc0;

export const SIZE_CODES: Readonly<Record<1 | 2 | 4 | 8, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

export const X = 0x08;

export const ADD = 0x00;
export const SUB = 0x10;
export const MUL = 0x20;
export const DIV = 0x30;
export const OR = 0x40;
export const AND = 0x50;
export const LSH = 0x60;
export const RSH = 0x70;
export const NEG = 0x80;
export const MOD = 0x90;
export const XOR = 0xa0;
export const MOV = 0xb0;
export const ARSH = 0xc0;
export const END = 0xd0;

export const JEQ = 0x10;
export const JGT = 0x20;
export const JGE = 0x30;
export const JSET = 0x40;
export const JNE = 0x50;
export const JSGT = 0x60;
export const JSGE = 0x70;
export const JLT = 0xa0;
export const JLE = 0xb0;
export const JSLT = 0xc0;
export const JSLE = 0xd0;

export const JA: number = JMP;
export const JA32: number = JMP32;
export const CALL: number = JMP | 0x80;
export const EXIT: number = JMP | 0x90;
export const LDIMM64: number = LD | 0x18;
export const MOV64_K: number = ALU64 | MOV;
export const MOV64_X: number = ALU64 | MOV | X;
export const TO_BE: number = ALU | END | X;

export const FETCH = 0x01;
export const XCHG = 0xe1;
export const CMPXCHG = 0xf1;

const READS_DST = 1;
const READS_SRC = 2;
const WRITES_DST = 4;

/** What each opcode byte does with its two register fields. */
const REGISTER_USE: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const operation = code & 0xf0;
  switch (code & 7) {
    case LD:
      return WRITES_DST;
    case LDX:
      return READS_SRC | WRITES_DST;
    case ST:
      return READS_DST;
    case STX:
      return READS_DST | READS_SRC;
    case ALU:
    case ALU64: {
      const right = (code & X) !== 0 && operation !== END ? READS_SRC : 0;
      return WRITES_DST | right | (operation === MOV ? 0 : READS_DST);
    }
    default:
      if (operation === 0 || operation === 0x80 || operation === 0x90) return 0;
      return READS_DST | ((code & X) === 0 ? 0 : READS_SRC);
  }
});

export function readsDst(insn: MachineInsn): boolean {
  return (REGISTER_USE[insn.code]! & READS_DST) !== 0;
}

export function readsSrc(insn: MachineInsn): boolean {
  return (REGISTER_USE[insn.code]! & READS_SRC) !== 0;
}

export function writesDst(insn: MachineInsn): boolean {
  return (REGISTER_USE[insn.code]! & WRITES_DST) !== 0;
}

export function isAtomic(insn: MachineInsn): boolean {
  return (insn.code & 0xe7) === (STX | ATOMIC);
}

/** Atomics that leave the old value in the source register. */
export function writesSrc(insn: MachineInsn): boolean {
  return isAtomic(insn) && (insn.imm & FETCH) !== 0 && insn.imm !== CMPXCHG;
}

/** A mask of the physical registers read beside the two fields. */
export function implicitReads(insn: MachineInsn): number {
  if (insn.code === CALL) return ((1 << insn.reads) - 1) << 1;
  if (insn.code === EXIT) return insn.reads;
  return isAtomic(insn) && insn.imm === CMPXCHG ? 1 : 0;
}

/** A mask of the physical registers written beside the two fields. */
export function implicitWrites(insn: MachineInsn): number {
  if (insn.code === CALL) return CALL_CLOBBERED;
  return isAtomic(insn) && insn.imm === CMPXCHG ? 1 : 0;
}

/** A copy of a whole register. */
export function isMove(insn: MachineInsn): boolean {
  return insn.code === MOV64_X && insn.offset === 0;
}

export function isConditionalJump(insn: MachineInsn): boolean {
  return REGISTER_USE[insn.code] !== 0 && ((insn.code & 7) === JMP || (insn.code & 7) === JMP32);
}

export function machineInsn(code: number, fields: Partial<MachineInsn> = {}): MachineInsn {
  return {
    code,
    dst: NO_REGISTER,
    src: NO_REGISTER,
    offset: 0,
    imm: 0,
    high: 0,
    slot: undefined,
    slots: [],
    reloc: undefined,
    target: undefined,
    reads: 0,
    position: undefined,
    ...fields,
  };
}

/** The number that 16 bits of it are. */
export function signed16(value: number): number {
  return (value << 16) >> 16;
}
