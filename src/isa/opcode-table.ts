import { ALU, ATOMIC, CALL, CLASS, JUMP, LDIMM64, MODE, PSEUDO, SIZE, SOURCE } from "./encoding.ts";
import type { AluName, AtomicName, ConditionName, Size } from "./encoding.ts";

/**
 * One instruction: an opcode byte, and the values that other fields must have where one byte stands for
 * several instructions (signed division is division with offset 1).
 */
export interface Opcode {
  readonly code: number;
  /** Fields with a fixed value; all others are operands or zero. */
  readonly fixed: { readonly offset?: number; readonly imm?: number; readonly src?: number };
  /** What the fields mean; decides which operands there are. */
  readonly form: OpcodeForm;
  /** Unique, in the manner of LLVM and RFC 9669: `add`, `add32`, `jeq`, `ldxdw`, `atomic_fetch_add64`. */
  readonly name: string;
  /** Second operand of ALU and jump instructions. */
  readonly operand?: "register" | "immediate";
  /** Bytes that a load, store, atomic or byte swap works on. */
  readonly size?: Size;
  /** ISA version, LLVM's -mcpu=v1 to v4. */
  readonly since: 1 | 2 | 3 | 4;
  /** First Linux release whose verifier accepts it. `internal`: only the kernel itself writes it. */
  readonly linux: string;
  /**
   * kernel/bpf/disasm.c's text. In braces: `dst` and `src` register numbers, `imm` decimal, `hex` imm as
   * u32 in hexadecimal, `off` signed offset, `to` jump by offset, `far` jump by imm, `imm64`, `callee`,
   * `high` and `low` halves of imm.
   */
  readonly wording: string;
  readonly explanation: string;
}

export type OpcodeForm =
  | "alu"
  | "negate"
  | "swap"
  | "movsx"
  | "addressSpaceCast"
  | "percpuAddress"
  | "load"
  | "loadSigned"
  | "loadPacket"
  | "loadImmediate64"
  | "store"
  | "storeImmediate"
  | "atomic"
  | "loadAcquire"
  | "storeRelease"
  | "nospec"
  | "jump"
  | "jumpFar"
  | "jumpRegister"
  | "mayGoto"
  | "branch"
  | "call"
  | "callLocal"
  | "callKfunc"
  | "callRegister"
  | "exit";

const ANY = {};

const ALU_ROWS: readonly {
  readonly op: Exclude<AluName, "NEG" | "END">;
  readonly symbol: string;
  readonly signed?: boolean;
  readonly does: string;
}[] = [
  { op: "ADD", symbol: "+=", does: "add" },
  { op: "SUB", symbol: "-=", does: "subtract" },
  { op: "MUL", symbol: "*=", does: "multiply" },
  { op: "DIV", symbol: "s/=", signed: true, does: "divide, signed; by 0 gives 0" },
  { op: "DIV", symbol: "/=", does: "divide, unsigned; by 0 gives 0" },
  { op: "OR", symbol: "|=", does: "bitwise or" },
  { op: "AND", symbol: "&=", does: "bitwise and" },
  { op: "LSH", symbol: "<<=", does: "shift left, count modulo the width" },
  { op: "RSH", symbol: ">>=", does: "shift right, zeroes come in, count modulo the width" },
  { op: "MOD", symbol: "s%=", signed: true, does: "remainder, signed; by 0 leaves dst" },
  { op: "MOD", symbol: "%=", does: "remainder, unsigned; by 0 leaves dst" },
  { op: "XOR", symbol: "^=", does: "bitwise exclusive or" },
  { op: "MOV", symbol: "=", does: "copy" },
  { op: "ARSH", symbol: "s>>=", does: "shift right, sign bit comes in, count modulo the width" },
];

function aluRows(): Opcode[] {
  const rows: Opcode[] = [];
  for (const bits of [64, 32] as const) {
    const klass = bits === 64 ? CLASS.ALU64 : CLASS.ALU;
    const reg = bits === 64 ? "r" : "w";
    const suffix = bits === 64 ? "" : "32";
    const tail = bits === 64 ? "all 64 bits" : "low 32 bits, upper 32 become 0";
    for (const row of ALU_ROWS) {
      for (const operand of ["register", "immediate"] as const) {
        rows.push({
          code: klass | ALU[row.op] | (operand === "register" ? SOURCE.X : SOURCE.K),
          fixed: row.signed ? { offset: 1 } : ANY,
          form: "alu",
          name: `${row.signed ? "s" : ""}${row.op.toLowerCase()}${suffix}`,
          operand,
          since: row.signed ? 4 : 1,
          linux: row.signed ? "6.6" : "3.18",
          wording: `${reg}{dst} ${row.symbol} ${operand === "register" ? `${reg}{src}` : "{imm}"}`,
          explanation: `${row.does}; ${tail}`,
        });
      }
    }
    rows.push({
      code: klass | ALU.NEG,
      fixed: ANY,
      form: "negate",
      name: `neg${suffix}`,
      since: 1,
      linux: "3.18",
      wording: `${reg}{dst} = -${reg}{dst}`,
      explanation: `negate; ${tail}`,
    });
  }
  return rows;
}

/** Forms of MOV that another field makes special; listed before plain MOV. */
function moveRows(): Opcode[] {
  const rows: Opcode[] = [];
  for (const bits of [64, 32] as const) {
    const reg = bits === 64 ? "r" : "w";
    for (const size of bits === 64 ? ([1, 2, 4] as const) : ([1, 2] as const)) {
      const from = size * 8;
      rows.push({
        code: (bits === 64 ? CLASS.ALU64 : CLASS.ALU) | ALU.MOV | SOURCE.X,
        fixed: { offset: from },
        form: "movsx",
        name: `movsx${from}${bits === 64 ? "" : "_32"}`,
        size,
        since: 4,
        linux: "6.6",
        wording: `${reg}{dst} = (s${from})${reg}{src}`,
        explanation: `copy the low ${from} bits, sign-extended to ${bits}`,
      });
    }
  }
  const move64 = CLASS.ALU64 | ALU.MOV | SOURCE.X;
  rows.push(
    {
      code: move64,
      fixed: { offset: 1 },
      form: "addressSpaceCast",
      name: "addr_space_cast",
      since: 4,
      linux: "6.9",
      wording: "r{dst} = addr_space_cast(r{src}, {high}, {low})",
      explanation: "convert a pointer between address spaces (0 is the kernel's, 1 an arena's)",
    },
    {
      code: move64,
      fixed: { offset: -1 },
      form: "percpuAddress",
      name: "mov_percpu",
      since: 4,
      linux: "internal",
      wording: "r{dst} = &(void __percpu *)(r{src})",
      explanation: "address of this CPU's copy of a per-CPU variable",
    },
  );
  return rows;
}

function swapRows(): Opcode[] {
  const rows: Opcode[] = [];
  const kinds = [
    { name: "le", code: CLASS.ALU | ALU.END | SOURCE.K, since: 1, linux: "3.18" },
    { name: "be", code: CLASS.ALU | ALU.END | SOURCE.X, since: 1, linux: "3.18" },
    { name: "bswap", code: CLASS.ALU64 | ALU.END, since: 4, linux: "6.6" },
  ] as const;
  const does = {
    le: "convert between the CPU's and little-endian order",
    be: "convert between the CPU's and big-endian order",
    bswap: "reverse the bytes",
  };
  for (const kind of kinds) {
    for (const size of [2, 4, 8] as const) {
      const bits = size * 8;
      rows.push({
        code: kind.code,
        fixed: { imm: bits },
        form: "swap",
        name: `${kind.name}${bits}`,
        size,
        since: kind.since,
        linux: kind.linux,
        wording: `r{dst} = ${kind.name}${bits} r{dst}`,
        explanation: `${does[kind.name]}: the low ${bits} bits, those above become 0`,
      });
    }
  }
  return rows;
}

const LETTER = { 1: "b", 2: "h", 4: "w", 8: "dw" } as const;

function memoryRows(): Opcode[] {
  const rows: Opcode[] = [];
  for (const size of [1, 2, 4, 8] as const) {
    const bits = size * 8;
    const letter = LETTER[size];
    const base = { size, fixed: ANY, since: 1, linux: "3.18" } as const;
    rows.push(
      {
        ...base,
        code: CLASS.LDX | MODE.MEM | SIZE[size],
        form: "load",
        name: `ldx${letter}`,
        wording: `r{dst} = *(u${bits} *)(r{src} {off})`,
        explanation: `load ${bits} bits${size === 8 ? "" : ", upper bits become 0"}`,
      },
      {
        ...base,
        code: CLASS.STX | MODE.MEM | SIZE[size],
        form: "store",
        name: `stx${letter}`,
        wording: `*(u${bits} *)(r{dst} {off}) = r{src}`,
        explanation: `store the low ${bits} bits of a register`,
      },
      {
        ...base,
        code: CLASS.ST | MODE.MEM | SIZE[size],
        form: "storeImmediate",
        name: `st${letter}`,
        wording: `*(u${bits} *)(r{dst} {off}) = {imm}`,
        explanation: `store ${bits} bits of the sign-extended immediate`,
      },
    );
    if (size === 8) continue;
    rows.push(
      {
        ...base,
        code: CLASS.LDX | MODE.MEMSX | SIZE[size],
        since: 4,
        linux: "6.6",
        form: "loadSigned",
        name: `ldxs${letter}`,
        wording: `r{dst} = *(s${bits} *)(r{src} {off})`,
        explanation: `load ${bits} bits, sign-extended to 64`,
      },
      {
        ...base,
        code: CLASS.LD | MODE.ABS | SIZE[size],
        form: "loadPacket",
        operand: "immediate",
        name: `ldabs${letter}`,
        wording: `r0 = *(u${bits} *)skb[{imm}]`,
        explanation: `load ${bits} bits of the packet in network order to r0; past its end the program returns 0`,
      },
      {
        ...base,
        code: CLASS.LD | MODE.IND | SIZE[size],
        form: "loadPacket",
        operand: "register",
        name: `ldind${letter}`,
        wording: `r0 = *(u${bits} *)skb[r{src} + {imm}]`,
        explanation: `load ${bits} bits of the packet in network order to r0; past its end the program returns 0`,
      },
    );
  }
  return rows;
}

const ATOMIC_UPDATES: readonly {
  readonly op: "ADD" | "OR" | "AND" | "XOR";
  readonly symbol: string;
}[] = [
  { op: "ADD", symbol: "+=" },
  { op: "AND", symbol: "&=" },
  { op: "OR", symbol: "|=" },
  { op: "XOR", symbol: "^=" },
];

function atomicRows(): Opcode[] {
  const rows: Opcode[] = [];
  for (const size of [4, 8] as const) {
    const type = `(u${size * 8} *)(r{dst} {off})`;
    const width = size === 8 ? "64" : "";
    const base = { code: CLASS.STX | MODE.ATOMIC | SIZE[size], form: "atomic", size } as const;
    const row = (op: AtomicName, name: string, wording: string, explanation: string): void => {
      const xadd = op === "ADD";
      rows.push({
        ...base,
        fixed: { imm: ATOMIC[op] },
        name: `${name}${size * 8}`,
        since: xadd ? 1 : 3,
        linux: xadd ? "3.18" : "5.12",
        wording,
        explanation,
      });
    };
    for (const { op, symbol } of ATOMIC_UPDATES) {
      const low = op.toLowerCase();
      row(op, `atomic_${low}`, `lock *${type} ${symbol} r{src}`, `atomic ${low} to memory`);
      row(
        `FETCH_${op}`,
        `atomic_fetch_${low}`,
        `r{src} = atomic${width}_fetch_${low}(${type}, r{src})`,
        `atomic ${low} to memory; src becomes the old value`,
      );
    }
    row(
      "XCHG",
      "atomic_xchg",
      `r{src} = atomic${width}_xchg(${type}, r{src})`,
      "exchange memory with src, atomically",
    );
    row(
      "CMPXCHG",
      "atomic_cmpxchg",
      `r0 = atomic${width}_cmpxchg(${type}, r0, r{src})`,
      "store src if memory equals r0, atomically; r0 becomes the old value",
    );
  }
  for (const size of [1, 2, 4, 8] as const) {
    const base = { code: CLASS.STX | MODE.ATOMIC | SIZE[size], size, since: 4, linux: "6.15" } as const;
    rows.push(
      {
        ...base,
        fixed: { imm: ATOMIC.LOAD_ACQ },
        form: "loadAcquire",
        name: `load_acquire${size * 8}`,
        wording: `r{dst} = load_acquire((u${size * 8} *)(r{src} {off}))`,
        explanation: `load ${size * 8} bits before everything that follows`,
      },
      {
        ...base,
        fixed: { imm: ATOMIC.STORE_REL },
        form: "storeRelease",
        name: `store_release${size * 8}`,
        wording: `store_release((u${size * 8} *)(r{dst} {off}), r{src})`,
        explanation: `store ${size * 8} bits after everything before`,
      },
    );
  }
  return rows;
}

const CONDITIONS: readonly {
  readonly op: ConditionName;
  readonly symbol: string;
  readonly v2?: boolean;
  readonly when: string;
}[] = [
  { op: "JEQ", symbol: "==", when: "equal" },
  { op: "JNE", symbol: "!=", when: "not equal" },
  { op: "JGT", symbol: ">", when: "greater, unsigned" },
  { op: "JGE", symbol: ">=", when: "greater or equal, unsigned" },
  { op: "JLT", symbol: "<", v2: true, when: "less, unsigned" },
  { op: "JLE", symbol: "<=", v2: true, when: "less or equal, unsigned" },
  { op: "JSGT", symbol: "s>", when: "greater, signed" },
  { op: "JSGE", symbol: "s>=", when: "greater or equal, signed" },
  { op: "JSLT", symbol: "s<", v2: true, when: "less, signed" },
  { op: "JSLE", symbol: "s<=", v2: true, when: "less or equal, signed" },
  { op: "JSET", symbol: "&", when: "any common bit is set" },
];

function branchRows(): Opcode[] {
  const rows: Opcode[] = [];
  for (const bits of [64, 32] as const) {
    const reg = bits === 64 ? "r" : "w";
    for (const row of CONDITIONS) {
      for (const operand of ["register", "immediate"] as const) {
        const right = operand === "register" ? `${reg}{src}` : "{hex}";
        rows.push({
          code:
            (bits === 64 ? CLASS.JMP : CLASS.JMP32) |
            JUMP[row.op] |
            (operand === "register" ? SOURCE.X : SOURCE.K),
          fixed: ANY,
          form: "branch",
          name: `${row.op.toLowerCase()}${bits === 64 ? "" : "32"}`,
          operand,
          since: bits === 32 ? 3 : row.v2 ? 2 : 1,
          linux: bits === 32 ? "5.1" : row.v2 ? "4.14" : "3.18",
          wording: `if ${reg}{dst} ${row.symbol} ${right} goto {to}`,
          explanation: `jump if ${row.when}; ${bits === 64 ? "all 64 bits" : "low 32 bits"}`,
        });
      }
    }
  }
  return rows;
}

const CALL_CODE = CLASS.JMP | JUMP.CALL;
const V1 = { fixed: ANY, since: 1, linux: "3.18" } as const;

const CONTROL_ROWS: readonly Opcode[] = [
  {
    ...V1,
    code: CLASS.JMP | JUMP.JA,
    form: "jump",
    name: "ja",
    wording: "goto {to}",
    explanation: "jump, up to 32,767 slots",
  },
  {
    ...V1,
    code: CLASS.JMP32 | JUMP.JA,
    form: "jumpFar",
    name: "gotol",
    since: 4,
    linux: "6.6",
    wording: "gotol {far}",
    explanation: "jump with a 32-bit distance",
  },
  {
    ...V1,
    code: CLASS.JMP | JUMP.JA | SOURCE.X,
    form: "jumpRegister",
    name: "gotox",
    since: 4,
    linux: "6.19",
    wording: "gotox r{dst}",
    explanation: "jump to the address in a register, taken from an instruction array",
  },
  {
    ...V1,
    code: CLASS.JMP | JUMP.JCOND,
    fixed: { src: 0 },
    form: "mayGoto",
    name: "may_goto",
    since: 4,
    linux: "6.9",
    wording: "may_goto {to}",
    explanation: "jump when the loop has run too long; else go on",
  },
  {
    ...V1,
    code: CALL_CODE,
    fixed: { src: CALL.LOCAL },
    form: "callLocal",
    name: "call_local",
    linux: "4.16",
    wording: "call pc{callee}",
    explanation: "call a function of this program; imm is its distance in slots from the next instruction",
  },
  {
    ...V1,
    code: CALL_CODE,
    fixed: { src: CALL.KFUNC },
    form: "callKfunc",
    name: "call_kfunc",
    linux: "5.13",
    wording: "call {callee}",
    explanation: "call a kernel function; imm is its BTF id, offset an index of the BTF it is in",
  },
  {
    ...V1,
    code: CALL_CODE,
    form: "call",
    name: "call",
    wording: "call {callee}",
    explanation: "call a helper by its id: arguments in r1 to r5, result in r0, r1 to r5 are lost",
  },
  {
    ...V1,
    code: CALL_CODE | SOURCE.X,
    form: "callRegister",
    name: "callx",
    since: 4,
    linux: "none",
    wording: "callx r{dst}",
    explanation: "call the function whose address is in a register; no Linux verifier takes it",
  },
  {
    ...V1,
    code: CLASS.JMP | JUMP.EXIT,
    form: "exit",
    name: "exit",
    wording: "exit",
    explanation: "return r0 from the program or function",
  },
  {
    ...V1,
    code: CLASS.ST | MODE.NOSPEC,
    form: "nospec",
    name: "nospec",
    linux: "internal",
    wording: "nospec",
    explanation: "speculation barrier, put in by the verifier",
  },
  {
    ...V1,
    code: LDIMM64,
    form: "loadImmediate64",
    name: "lddw",
    size: 8,
    wording: "r{dst} = {imm64}",
    explanation: "load 64 bits, the upper half from the next slot; src says what they stand for",
  },
];

/** What ldimm64's immediate is, by its src field. */
export const PSEUDO_EXPLANATIONS: Readonly<Record<number, string>> = {
  0: "a plain number",
  [PSEUDO.MAP_FD]: "the map with this file descriptor (in dumps: with this id)",
  [PSEUDO.MAP_VALUE]: "an address in the first value of the map with this file descriptor (in dumps: id)",
  [PSEUDO.BTF_ID]: "the address of the kernel variable with this BTF id",
  [PSEUDO.FUNC]: "the address of a function of this program, as distance in slots",
  [PSEUDO.MAP_IDX]: "the map at this index of fd_array",
  [PSEUDO.MAP_IDX_VALUE]: "an address in the first value of the map at this index of fd_array",
};

/** Every instruction. Where several share an opcode byte those with fixed fields come first. */
export const OPCODES: readonly Opcode[] = [
  ...moveRows(),
  ...aluRows(),
  ...swapRows(),
  ...memoryRows(),
  ...atomicRows(),
  ...branchRows(),
  ...CONTROL_ROWS,
];

const BY_CODE: readonly (readonly Opcode[])[] = byCode(OPCODES);

/** One pass: this runs at every start. */
function byCode(opcodes: readonly Opcode[]): Opcode[][] {
  const rows: Opcode[][] = Array.from({ length: 256 }, () => []);
  for (const row of opcodes) rows[row.code]!.push(row);
  return rows;
}

/** The row of an instruction, or undefined for what is none. The second slot of ldimm64 is none. */
export function opcodeOf(insn: {
  readonly code: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
}): Opcode | undefined {
  const rows = BY_CODE[insn.code];
  if (!rows) return undefined;
  for (const row of rows) {
    const { fixed } = row;
    if (fixed.offset !== undefined && fixed.offset !== insn.offset) continue;
    if (fixed.imm !== undefined && fixed.imm !== insn.imm) continue;
    if (fixed.src === undefined || fixed.src === insn.src) return row;
  }
  return undefined;
}
