// x86-64 machine code, as far as stepping over an instruction needs it: how long it is, and what in it depends on
// where it lies. Intel SDM volume 2, chapter 2 and appendix A.

export interface X64Instruction {
  /** Bytes. */
  readonly size: number;
  /** 0: one byte; 1: behind 0f; 2: behind 0f 38; 3: behind 0f 3a. VEX and EVEX name theirs. */
  readonly map: number;
  readonly opcode: number;
  /** Legacy prefixes, in order. */
  readonly prefixes: readonly number[];
  readonly rex: number;
  /** Where a VEX or EVEX prefix begins. */
  readonly vexAt?: number;
  readonly modrmAt?: number;
  readonly modrm: number;
  /** The last bytes, as a signed number: of jumps how far they go. */
  readonly immediate: number;
}

/** No instruction is longer. */
export const LONGEST_INSTRUCTION = 15;

const OPERAND_SIZE = 0x66;
const ADDRESS_SIZE = 0x67;
const PREFIXES: ReadonlySet<number> = new Set([
  OPERAND_SIZE,
  ADDRESS_SIZE,
  0xf0,
  0xf2,
  0xf3,
  0x2e,
  0x36,
  0x3e,
  0x26,
  0x64,
  0x65,
]);

/** Of one-byte opcodes: ranges, both ends included. */
type Ranges = readonly (readonly [first: number, last: number])[];

const INVALID: Ranges = [
  [0x06, 0x07],
  [0x0e, 0x0e],
  [0x16, 0x17],
  [0x1e, 0x1f],
  [0x27, 0x27],
  [0x2f, 0x2f],
  [0x37, 0x37],
  [0x3f, 0x3f],
  [0x60, 0x61],
  [0x82, 0x82],
  [0x9a, 0x9a],
  [0xce, 0xce],
  [0xd4, 0xd6],
  [0xea, 0xea],
];
const MODRM: Ranges = [
  [0x63, 0x63],
  [0x69, 0x69],
  [0x6b, 0x6b],
  [0x80, 0x81],
  [0x83, 0x8f],
  [0xc0, 0xc1],
  [0xc6, 0xc7],
  [0xd0, 0xd3],
  [0xd8, 0xdf],
  [0xf6, 0xf7],
  [0xfe, 0xff],
];
const BYTE: Ranges = [
  [0x6a, 0x6b],
  [0x70, 0x80],
  [0x83, 0x83],
  [0xa8, 0xa8],
  [0xb0, 0xb7],
  [0xc0, 0xc1],
  [0xc6, 0xc6],
  [0xcd, 0xcd],
  [0xe0, 0xe7],
  [0xeb, 0xeb],
];
/** As long as the operand is, but for 64-bit ones. */
const WORD: Ranges = [
  [0x68, 0x69],
  [0x81, 0x81],
  [0xa9, 0xa9],
  [0xc7, 0xc7],
];
/** Behind 0f. */
const NO_MODRM_0F: Ranges = [
  [0x04, 0x09],
  [0x0b, 0x0b],
  [0x0e, 0x0e],
  [0x30, 0x37],
  [0x77, 0x77],
  [0x80, 0x8f],
  [0xa0, 0xa2],
  [0xa8, 0xaa],
  [0xc8, 0xcf],
];
const BYTE_0F: Ranges = [
  [0x0f, 0x0f],
  [0x70, 0x73],
  [0xa4, 0xa4],
  [0xac, 0xac],
  [0xba, 0xba],
  [0xc2, 0xc2],
  [0xc4, 0xc6],
];

function within(ranges: Ranges, opcode: number): boolean {
  return ranges.some(([first, last]) => opcode >= first && opcode <= last);
}

/** Undefined where this is no instruction, or more bytes would be needed to tell. */
export function decodeX64(code: Uint8Array): X64Instruction | undefined {
  let at = 0;
  while (PREFIXES.has(code[at] ?? 0)) at++;
  const prefixes = [...code.subarray(0, at)];
  let rex = 0;
  if (((code[at] ?? 0) & 0xf0) === 0x40) rex = code[at++]!;
  const opening = readOpening(code, at);
  if (!opening) return undefined;
  const { map, opcode, vexAt } = opening;
  at = opening.next;
  let modrm = 0;
  let modrmAt: number | undefined;
  if (hasModrm(map, opcode, vexAt !== undefined)) {
    modrmAt = at;
    modrm = code[at++] ?? 0;
    at += addressSize(modrm, code[at] ?? 0);
  }
  const small = prefixes.includes(OPERAND_SIZE);
  const short = prefixes.includes(ADDRESS_SIZE);
  const immediateSize =
    vexAt === undefined ? immediateOf(map, opcode, modrm, rex, small, short) : vexImmediate(map, opcode);
  at += immediateSize;
  if (at > code.length || at > LONGEST_INSTRUCTION) return undefined;
  const immediate = signed(code.subarray(at - immediateSize, at));
  return {
    size: at,
    map,
    opcode,
    prefixes,
    rex,
    modrm,
    immediate,
    ...(vexAt !== undefined && { vexAt }),
    ...(modrmAt !== undefined && { modrmAt }),
  };
}

/** Its address operand is relative to the instruction behind it. */
export function isRelative({ modrmAt, modrm }: X64Instruction): boolean {
  return modrmAt !== undefined && (modrm & 0xc7) === 0x05;
}

interface Opening {
  readonly map: number;
  readonly opcode: number;
  readonly next: number;
  readonly vexAt?: number;
}

/** What stands before the operands, without prefixes. */
function readOpening(code: Uint8Array, at: number): Opening | undefined {
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = code.subarray(at);
  switch (first) {
    case 0xc5:
      return { map: 1, opcode: third, next: at + 3, vexAt: at };
    case 0xc4:
      return vexMap(second & 0x1f, 3) && { map: second & 0x1f, opcode: fourth, next: at + 4, vexAt: at };
    case 0x62:
      // Map 4 is of another encoding, APX.
      return ((second & 0x0f) === 0 || vexMap(second & 7, 6)) && (second & 7) !== 4
        ? { map: second & 7, opcode: fifth, next: at + 5, vexAt: at }
        : undefined;
    case 0x8f:
      // With another register field it is AMD's XOP.
      return (second & 0x38) === 0 ? { map: 0, opcode: first, next: at + 1 } : undefined;
    case 0x0f:
      if (second === 0x38) return { map: 2, opcode: third, next: at + 3 };
      if (second === 0x3a) return { map: 3, opcode: third, next: at + 3 };
      return { map: 1, opcode: second, next: at + 2 };
    default:
      return within(INVALID, first) ? undefined : { map: 0, opcode: first, next: at + 1 };
  }
}

function vexMap(map: number, last: number): true | undefined {
  return map >= 1 && map <= last ? true : undefined;
}

function hasModrm(map: number, opcode: number, vex: boolean): boolean {
  if (map === 0) return (opcode < 0x40 && (opcode & 7) < 4) || within(MODRM, opcode);
  if (map === 1) return vex ? opcode !== 0x77 : !within(NO_MODRM_0F, opcode);
  return true;
}

/** Bytes of SIB and displacement. */
function addressSize(modrm: number, sib: number): number {
  const mode = modrm >> 6;
  const base = modrm & 7;
  if (mode === 3) return 0;
  const displacement = mode === 1 ? 1 : mode === 2 ? 4 : 0;
  if (base === 4) return 1 + (mode === 0 && (sib & 7) === 5 ? 4 : displacement);
  return mode === 0 && base === 5 ? 4 : displacement;
}

function vexImmediate(map: number, opcode: number): number {
  return map === 3 ||
    (map === 1 &&
      within(
        [
          [0x70, 0x73],
          [0xc2, 0xc2],
          [0xc4, 0xc6],
        ],
        opcode,
      ))
    ? 1
    : 0;
}

function immediateOf(
  map: number,
  opcode: number,
  modrm: number,
  rex: number,
  small: boolean,
  short: boolean,
): number {
  if (map === 3) return 1;
  if (map === 2) return 0;
  if (map === 1) return opcode >= 0x80 && opcode <= 0x8f ? 4 : within(BYTE_0F, opcode) ? 1 : 0;
  const word = small ? 2 : 4;
  if (opcode < 0x40) return (opcode & 7) === 4 ? 1 : (opcode & 7) === 5 ? word : 0;
  if (within(BYTE, opcode)) return 1;
  if (within(WORD, opcode)) return word;
  switch (opcode) {
    case 0xe8:
    case 0xe9:
      return 4;
    case 0xc2:
    case 0xca:
      return 2;
    case 0xc8:
      return 3;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
      return short ? 4 : 8;
    case 0xf6:
      return (modrm & 0x38) < 0x10 ? 1 : 0;
    case 0xf7:
      return (modrm & 0x38) < 0x10 ? word : 0;
    default:
      return opcode >= 0xb8 && opcode <= 0xbf ? ((rex & 8) !== 0 ? 8 : word) : 0;
  }
}

/** At most 32 bits are looked at. */
function signed(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length === 1) return view.getInt8(0);
  return bytes.length === 4 ? view.getInt32(0, true) : 0;
}
