import { BPF_FUNC, nameOf } from "../uapi/index.ts";
import { disassemble } from "./disassembler.ts";
import { ALU, CALL, JUMP, LDIMM64, classOf, sizeOf } from "./encoding.ts";
import type { ClassName } from "./encoding.ts";
import type { Insn } from "./insn.ts";
import { PSEUDO_EXPLANATIONS } from "./opcode-table.ts";
import type { Opcode, OpcodeForm } from "./opcode-table.ts";

/** One field of an instruction in words. */
export interface FieldExplanation {
  readonly field: "class" | "source" | "operation" | "size" | "mode" | "dst" | "src" | "offset" | "imm";
  /** Where it lies in the 8 bytes: `code bits 0-2`, `bytes 4-7`. */
  readonly place: string;
  /** As `0x7`. */
  readonly value: string;
  readonly meaning: string;
}

/** An instruction in words, for people who learn or debug. */
export interface InsnExplanation {
  /** The kernel's wording. */
  readonly text: string;
  /** Absent for what is no instruction. */
  readonly opcode?: Opcode;
  readonly summary: string;
  readonly fields: readonly FieldExplanation[];
}

const CLASS_MEANINGS: Readonly<Record<ClassName, string>> = {
  LD: "load of a 64-bit immediate or of packet bytes",
  LDX: "load from memory",
  ST: "store of an immediate",
  STX: "store of a register, or atomic operation",
  ALU: "arithmetic on 32 bits",
  JMP: "jump, comparing 64 bits",
  JMP32: "jump, comparing 32 bits",
  ALU64: "arithmetic on 64 bits",
};

const MODE_NAMES: Readonly<Record<number, string>> = {
  0x00: "IMM: the value is in the instruction",
  0x20: "ABS: packet byte at a fixed place",
  0x40: "IND: packet byte at a register plus a fixed place",
  0x60: "MEM: memory at a register plus offset",
  0x80: "MEMSX: memory, sign-extended",
  0xc0: "ATOMIC: one indivisible operation",
};

/** Explains the instruction at `slot`; a ldimm64 takes its upper half from the slot that follows. */
export function explain(insns: readonly Insn[], slot = 0): InsnExplanation {
  const insn = insns[slot]!;
  const [line] = disassemble(insns.slice(slot, slot + (insn.code === LDIMM64 ? 2 : 1)));
  const { text, opcode } = line!;
  return {
    text,
    ...(opcode && { opcode }),
    summary: opcode?.explanation ?? "not an instruction: the verifier refuses this opcode",
    fields: [...codeFields(insn.code), ...operandFields(insn, opcode)],
  };
}

function hex(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function codeFields(code: number): FieldExplanation[] {
  const klass = classOf(code);
  const fields: FieldExplanation[] = [
    {
      field: "class",
      place: "code bits 0-2",
      value: hex(code & 7),
      meaning: `${klass}: ${CLASS_MEANINGS[klass]}`,
    },
  ];
  if (klass === "LD" || klass === "LDX" || klass === "ST" || klass === "STX") {
    const size = sizeOf(code);
    fields.push(
      { field: "size", place: "code bits 3-4", value: hex(code & 0x18), meaning: `${size * 8} bits` },
      {
        field: "mode",
        place: "code bits 5-7",
        value: hex(code & 0xe0),
        meaning: MODE_NAMES[code & 0xe0] ?? "unassigned",
      },
    );
  } else {
    fields.push(
      {
        field: "source",
        place: "code bit 3",
        value: hex(code & 8),
        meaning: (code & 8) === 0 ? "K: the second operand is imm" : "X: the second operand is register src",
      },
      { field: "operation", place: "code bits 4-7", value: hex(code & 0xf0), meaning: operationName(code) },
    );
  }
  return fields;
}

/** `MOV`, `JNE`: the name that the bits have in the code's class. */
function operationName(code: number): string {
  const klass = classOf(code);
  const names: Readonly<Record<string, number>> = klass === "ALU" || klass === "ALU64" ? ALU : JUMP;
  return nameOf(names, code & 0xf0) ?? "unassigned";
}

type Meanings = Partial<Record<"dst" | "src" | "offset" | "imm", string>>;

const TARGET = "distance of the target in slots, from the next instruction";
const ADDRESS = "bytes added to the address";

const FORM_MEANINGS: Readonly<Record<OpcodeForm, Meanings>> = {
  alu: { dst: "first operand and result", src: "second operand", imm: "second operand" },
  negate: { dst: "operand and result" },
  swap: { dst: "operand and result", imm: "how many bits" },
  movsx: { dst: "result", src: "operand", offset: "how many bits of src are taken" },
  addressSpaceCast: { dst: "result", src: "pointer", offset: "1: this is a cast", imm: "the two spaces" },
  percpuAddress: { dst: "result", src: "variable", offset: "-1: this is a per-CPU address" },
  load: { dst: "result", src: "address", offset: ADDRESS },
  loadSigned: { dst: "result", src: "address", offset: ADDRESS },
  loadPacket: { src: "added to the place", imm: "place in the packet" },
  loadImmediate64: { dst: "result", imm: "lower 32 bits; the next slot has the upper ones" },
  store: { dst: "address", src: "value", offset: ADDRESS },
  storeImmediate: { dst: "address", offset: ADDRESS, imm: "value" },
  atomic: { dst: "address", src: "operand", offset: ADDRESS, imm: "which operation" },
  loadAcquire: { dst: "result", src: "address", offset: ADDRESS, imm: "which operation" },
  storeRelease: { dst: "address", src: "value", offset: ADDRESS, imm: "which operation" },
  nospec: {},
  jump: { offset: TARGET },
  jumpFar: { imm: TARGET },
  jumpRegister: { dst: "address" },
  mayGoto: { offset: TARGET },
  branch: { dst: "left operand", src: "right operand", imm: "right operand", offset: TARGET },
  call: { imm: "helper id" },
  callLocal: { src: "1: a function of this program", imm: TARGET },
  callKfunc: { src: "2: a kernel function", imm: "BTF id", offset: "index of its BTF in fd_array" },
  callRegister: { dst: "address" },
  exit: {},
};

const PLACES = {
  dst: "byte 1 bits 0-3",
  src: "byte 1 bits 4-7",
  offset: "bytes 2-3",
  imm: "bytes 4-7",
} as const;

function operandFields(insn: Insn, opcode: Opcode | undefined): FieldExplanation[] {
  const meanings = opcode ? FORM_MEANINGS[opcode.form] : {};
  return (["dst", "src", "offset", "imm"] as const).map((field) => {
    const register = field === "dst" || field === "src" ? `r${insn[field]}: ` : "";
    const used = isUsed(field, opcode) ? meanings[field] : undefined;
    const meaning = used === undefined ? "unused" : `${isPlainRegister(opcode) ? register : ""}${used}`;
    return {
      field,
      place: PLACES[field],
      value: hex(insn[field]),
      meaning: special(field, insn, opcode) ?? meaning,
    };
  });
}

function isUsed(field: "dst" | "src" | "offset" | "imm", opcode: Opcode | undefined): boolean {
  if (opcode?.operand === "immediate" && field === "src") return false;
  if (opcode?.operand === "register" && field === "imm") return opcode.form === "loadPacket";
  return true;
}

function isPlainRegister(opcode: Opcode | undefined): boolean {
  return opcode?.form !== "callLocal" && opcode?.form !== "callKfunc";
}

function special(field: string, insn: Insn, opcode: Opcode | undefined): string | undefined {
  if (opcode?.form === "loadImmediate64" && field === "src")
    return PSEUDO_EXPLANATIONS[insn.src] ?? "unassigned";
  if (opcode?.form === "alu" && field === "offset") {
    return opcode.fixed.offset === 1 ? "1: signed" : "unused";
  }
  if (opcode?.form === "call" && field === "imm" && insn.src === CALL.HELPER) {
    const name = nameOf(BPF_FUNC, insn.imm);
    return name === undefined ? "helper id, of no known helper" : `helper id of bpf_${name}`;
  }
  return undefined;
}
