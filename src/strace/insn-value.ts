import { ALU, CLASS, JUMP, MODE, SIZE, SOURCE } from "../isa/index.ts";
import { arrayValue, oneOfValue } from "./fields.ts";
import { REGISTER } from "./names.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import { decimal, hexadecimal, struct } from "./value.ts";
import type { Value } from "./value.ts";

// Instructions as the constants of their opcode byte, without meaning: what strace shows.

const WIDTH: Readonly<Record<number, string>> = {
  [SIZE[1]]: "BPF_B",
  [SIZE[2]]: "BPF_H",
  [SIZE[4]]: "BPF_W",
  [SIZE[8]]: "BPF_DW",
};
/** Named after their use in memory; the same number in class LDX and STX. */
const MODES: Readonly<Record<string, number>> = {
  IMM: MODE.IMM,
  ABS: MODE.ABS,
  IND: MODE.IND,
  MEM: MODE.MEM,
  MEMSX: MODE.MEMSX,
  ATOMIC: MODE.ATOMIC,
};

/** BPF_MAXINSNS, the limit of unprivileged programs, is as many as strace shows. */
const SHOWN = 4096;

export function insnsValue(address: bigint, count: number, view: ProcessView, detail: Detail): Value {
  if (!detail.verbose) return { kind: "pointer", address };
  return arrayValue(address, count, 8, view, insnValue, SHOWN);
}

function insnValue(bytes: DataView): Value {
  const registers = bytes.getUint8(1);
  return struct([
    { name: "code", value: { kind: "word", text: codeText(bytes.getUint8(0)) } },
    { name: "dst_reg", value: oneOfValue(REGISTER, BigInt(registers & 15)) },
    { name: "src_reg", value: oneOfValue(REGISTER, BigInt(registers >> 4)) },
    { name: "off", value: decimal(bytes.getInt16(2, true)) },
    { name: "imm", value: hexadecimal(bytes.getUint32(4, true)) },
  ]);
}

export function codeText(code: number): string {
  const kind = code & 7;
  const name = `BPF_${nameIn(CLASS, kind)}`;
  if (kind <= CLASS.STX) return `${name}|${WIDTH[code & 0x18]!}|${named(MODES, code & 0xe0)}`;
  const source = (code & SOURCE.X) === 0 ? "BPF_K" : "BPF_X";
  const operations = kind === CLASS.JMP || kind === CLASS.JMP32 ? JUMP : ALU;
  return `${name}|${source}|${named(operations, code & 0xf0)}`;
}

function named(table: Readonly<Record<string, number>>, value: number): string {
  const found = nameIn(table, value);
  return found === undefined ? `0x${value.toString(16)} /* BPF_??? */` : `BPF_${found}`;
}

function nameIn(table: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.entries(table).find(([, known]) => known === value)?.[0];
}
