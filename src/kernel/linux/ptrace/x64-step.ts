import { decodeX64, isRelative } from "./x64-instruction.ts";
import type { X64Instruction } from "./x64-instruction.ts";

/** Of a stopped thread: struct user_regs_struct in words, and two of them by name. */
export interface StepRegisters {
  readonly words: BigUint64Array;
  instructionPointer: bigint;
  stackPointer: bigint;
}

/** Memory of the thread that steps. False: there is none. */
export type WriteWord = (address: bigint, word: bigint) => boolean;

/** How an instruction is made while a breakpoint lies on it. */
export type Step =
  /** What it does is done to the registers; false where its memory is not there. */
  | {
      readonly kind: "emulated";
      readonly run: (registers: StepRegisters, address: bigint, write: WriteWord) => boolean;
    }
  /** These bytes are made elsewhere in its stead. */
  | {
      readonly kind: "displaced";
      readonly code: Uint8Array;
      readonly size: number;
      /** The word of a register that holds the address behind the instruction meanwhile. */
      readonly borrowed?: number;
      /** It pushes the address behind it. */
      readonly calls: boolean;
    };

/** Words of struct user_regs_struct in the order of opcodes: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15. */
const WORDS = [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0] as const;
const COUNTER = 11;
const FLAGS = 18;
const OPERAND_SIZE = 0x66;
const ADDRESS_SIZE = 0x67;
/** syscall, sysenter and the ways back; int3 and int; far jumps and calls; popf, which may set the trap flag. */
const REFUSED: readonly (readonly [map: number, opcode: number])[] = [
  [1, 0x05],
  [1, 0x07],
  [1, 0x34],
  [1, 0x35],
  [0, 0xcc],
  [0, 0xcd],
  [0, 0xca],
  [0, 0xcb],
  [0, 0xcf],
  [0, 0xf1],
  [0, 0x9d],
];

/** Undefined where there is no instruction that can be made away from its place. */
export function planX64Step(code: Uint8Array): Step | undefined {
  const insn = decodeX64(code);
  if (!insn) return undefined;
  const { map, opcode, modrm } = insn;
  if (REFUSED.some(([otherMap, other]) => otherMap === map && other === opcode)) return undefined;
  const group = (modrm >> 3) & 7;
  if (map === 0 && opcode === 0xff && (group === 3 || group === 5)) return undefined;
  const run = emulation(insn, code);
  if (run) return { kind: "emulated", run };
  return isBranch(insn) ? undefined : displace(insn, code);
}

type Emulation = Extract<Step, { kind: "emulated" }>["run"];

/** Instructions that are simpler done than made elsewhere: what functions begin with, and what depends on its place. */
function emulation(insn: X64Instruction, code: Uint8Array): Emulation | undefined {
  const { map, opcode, prefixes, rex, size, immediate, modrm } = insn;
  if (insn.vexAt !== undefined) return undefined;
  const behind = (registers: StepRegisters, address: bigint, distance = 0): true => {
    registers.instructionPointer = BigInt.asUintN(64, address + BigInt(size + distance));
    return true;
  };
  // nop in all its lengths; endbr64 is one of them.
  if ((map === 0 && opcode === 0x90 && rex === 0 && prefixes.every(isOperandSize)) || isLongNop(insn, code))
    return (registers, address) => behind(registers, address);
  if (prefixes.includes(OPERAND_SIZE) || prefixes.includes(ADDRESS_SIZE)) return undefined;
  if (map === 0 && opcode >= 0x50 && opcode <= 0x57) {
    const word = WORDS[(opcode & 7) + (rex & 1) * 8]!;
    return (registers, address, write) =>
      push(registers, registers.words[word]!, write) && behind(registers, address);
  }
  if (map === 0 && opcode === 0x9c)
    return (registers, address, write) =>
      push(registers, registers.words[FLAGS]!, write) && behind(registers, address);
  // mov between two whole registers.
  if (map === 0 && (opcode === 0x89 || opcode === 0x8b) && (rex & 8) !== 0 && modrm >> 6 === 3) {
    const inner = WORDS[((modrm >> 3) & 7) + ((rex >> 2) & 1) * 8]!;
    const outer = WORDS[(modrm & 7) + (rex & 1) * 8]!;
    const [to, from] = opcode === 0x89 ? [outer, inner] : [inner, outer];
    return (registers, address) => {
      registers.words[to] = registers.words[from]!;
      return behind(registers, address);
    };
  }
  if (map === 0 && opcode === 0xe8)
    return (registers, address, write) =>
      push(registers, address + BigInt(size), write) && behind(registers, address, immediate);
  if (map === 0 && (opcode === 0xe9 || opcode === 0xeb))
    return (registers, address) => behind(registers, address, immediate);
  if ((map === 0 && opcode >= 0x70 && opcode <= 0x7f) || (map === 1 && opcode >= 0x80 && opcode <= 0x8f))
    return (registers, address) =>
      behind(registers, address, holds(opcode & 15, Number(registers.words[FLAGS]!)) ? immediate : 0);
  if (map === 0 && opcode >= 0xe0 && opcode <= 0xe3)
    return (registers, address) => behind(registers, address, loops(opcode, registers) ? immediate : 0);
  return undefined;
}

function push(registers: StepRegisters, word: bigint, write: WriteWord): boolean {
  const top = registers.stackPointer - 8n;
  if (!write(top, word)) return false;
  registers.stackPointer = top;
  return true;
}

/** Jumps and calls whose target is relative: they are emulated or not made at all. */
function isBranch({ map, opcode }: X64Instruction): boolean {
  return map === 0
    ? (opcode >= 0x70 && opcode <= 0x7f) ||
        (opcode >= 0xe0 && opcode <= 0xe3) ||
        [0xe8, 0xe9, 0xeb].includes(opcode)
    : map === 1 && opcode >= 0x80 && opcode <= 0x8f;
}

function isOperandSize(prefix: number): boolean {
  return prefix === OPERAND_SIZE;
}

/** 0f 1f, and 0f 1e fa behind f3, which is endbr64. */
function isLongNop({ map, opcode, modrm, prefixes, rex }: X64Instruction, code: Uint8Array): boolean {
  if (map !== 1) return false;
  if (opcode === 0x1f) return true;
  return opcode === 0x1e && modrm === 0xfa && rex === 0 && prefixes.length === 1 && code[0] === 0xf3;
}

/** Condition codes in the order of opcodes; odd ones are their opposites. */
function holds(condition: number, flags: number): boolean {
  const [carry, parity, zero, sign, overflow] = [0, 2, 6, 7, 11].map((bit) => ((flags >> bit) & 1) === 1);
  const conditions = [
    overflow!,
    carry!,
    zero!,
    carry! || zero!,
    sign!,
    parity!,
    sign !== overflow,
    zero! || sign !== overflow,
  ] as const;
  return conditions[condition >> 1]! !== ((condition & 1) === 1);
}

/** loopne, loope, loop, jrcxz. */
function loops(opcode: number, registers: StepRegisters): boolean {
  if (opcode === 0xe3) return registers.words[COUNTER] === 0n;
  registers.words[COUNTER] = BigInt.asUintN(64, registers.words[COUNTER]! - 1n);
  const zero = holds(4, Number(registers.words[FLAGS]!));
  return registers.words[COUNTER] !== 0n && (opcode === 0xe2 || zero === (opcode === 0xe1));
}

function displace(insn: X64Instruction, code: Uint8Array): Step {
  const { map, opcode, modrm, modrmAt, size, vexAt } = insn;
  const bytes = code.slice(0, size);
  const calls = map === 0 && opcode === 0xff && ((modrm >> 3) & 7) === 2;
  if (!isRelative(insn) || modrmAt === undefined) return { kind: "displaced", code: bytes, size, calls };
  // The operand is addressed by a register in the instruction pointer's stead: one that it does not use otherwise.
  const used = new Set([(modrm >> 3) & 7, vexAt === undefined ? -1 : vexRegister(code, vexAt)]);
  const base = [6, 7, 3].find((register) => !used.has(register))!;
  bytes[modrmAt] = 0x80 | (modrm & 0x38) | base;
  // The base is one of the lower eight registers.
  if (vexAt === undefined) {
    if (insn.rex !== 0) bytes[insn.prefixes.length] = insn.rex & ~1;
  } else if (bytes[vexAt] === 0xc4) bytes[vexAt + 1] = bytes[vexAt + 1]! | 0x20;
  else if (bytes[vexAt] === 0x62) bytes[vexAt + 1] = bytes[vexAt + 1]! | 0x60;
  return { kind: "displaced", code: bytes, size, calls, borrowed: WORDS[base]! };
}

/** The third operand, without its upper bits. */
function vexRegister(code: Uint8Array, at: number): number {
  const byte = code[at] === 0xc5 ? code[at + 1]! : code[at + 2]!;
  return ~(byte >> 3) & 7;
}
