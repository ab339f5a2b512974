// How the opcode byte is put together: include/uapi/linux/bpf.h and bpf_common.h, RFC 9669.

/** Bits 0 to 2 of the opcode. */
export const CLASS = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, JMP32: 6, ALU64: 7 } as const;
export type ClassName = keyof typeof CLASS;

/** Bit 3 of ALU and jump opcodes: the second operand is `imm` (K) or register `src` (X). */
export const SOURCE = { K: 0x00, X: 0x08 } as const;

/** Bits 4 to 7 of ALU opcodes. */
export const ALU = {
  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  LSH: 0x60,
  RSH: 0x70,
  NEG: 0x80,
  MOD: 0x90,
  XOR: 0xa0,
  MOV: 0xb0,
  ARSH: 0xc0,
  END: 0xd0,
} as const;
export type AluName = keyof typeof ALU;

/** Bits 4 to 7 of jump opcodes. */
export const JUMP = {
  JA: 0x00,
  JEQ: 0x10,
  JGT: 0x20,
  JGE: 0x30,
  JSET: 0x40,
  JNE: 0x50,
  JSGT: 0x60,
  JSGE: 0x70,
  CALL: 0x80,
  EXIT: 0x90,
  JLT: 0xa0,
  JLE: 0xb0,
  JSLT: 0xc0,
  JSLE: 0xd0,
  JCOND: 0xe0,
} as const;
export type JumpName = keyof typeof JUMP;

/** Jumps that compare two operands. */
export type ConditionName = Exclude<JumpName, "JA" | "CALL" | "EXIT" | "JCOND">;

/** Bits 3 and 4 of load and store opcodes, by width in bytes. */
export const SIZE = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
export type Size = keyof typeof SIZE;

/** Bits 5 to 7 of load and store opcodes. */
export const MODE = {
  IMM: 0x00,
  ABS: 0x20,
  IND: 0x40,
  MEM: 0x60,
  MEMSX: 0x80,
  ATOMIC: 0xc0,
  /** Only inside the kernel, class ST. */
  NOSPEC: 0xc0,
} as const;

/** `imm` of atomic instructions. */
export const ATOMIC = {
  ADD: 0x00,
  OR: 0x40,
  AND: 0x50,
  XOR: 0xa0,
  FETCH_ADD: 0x01,
  FETCH_OR: 0x41,
  FETCH_AND: 0x51,
  FETCH_XOR: 0xa1,
  XCHG: 0xe1,
  CMPXCHG: 0xf1,
  LOAD_ACQ: 0x100,
  STORE_REL: 0x110,
} as const;
export type AtomicName = keyof typeof ATOMIC;

/** ldimm64: the only instruction of two slots. */
export const LDIMM64 = 0x18;

/** `src` of ldimm64: what its 64 bits stand for. */
export const PSEUDO = {
  MAP_FD: 1,
  MAP_VALUE: 2,
  BTF_ID: 3,
  FUNC: 4,
  MAP_IDX: 5,
  MAP_IDX_VALUE: 6,
} as const;

/** `src` of call. */
export const CALL = { HELPER: 0, LOCAL: 1, KFUNC: 2 } as const;

export function classOf(code: number): ClassName {
  return CLASS_NAMES[code & 7]!;
}

const CLASS_NAMES = ["LD", "LDX", "ST", "STX", "ALU", "JMP", "JMP32", "ALU64"] as const;

/** Width in bytes of a load or store opcode. */
export function sizeOf(code: number): Size {
  return SIZES_BY_BITS[(code >> 3) & 3]!;
}

const SIZES_BY_BITS = [4, 2, 1, 8] as const;
