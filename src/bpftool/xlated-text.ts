import type { CodeLine, ProgramCode } from "../inspect/index.ts";
import { CALL, CLASS, disassemble, encode, JUMP } from "../isa/index.ts";
import type { DisassembledInsn, Insn } from "../isa/index.ts";
import { hexBytes, lineJson, prototype, sourceText } from "./dumped-program.ts";
import type { DumpedProgram, DumpFlags } from "./dumped-program.ts";
import type { Json } from "./json.ts";
import type { KernelSymbols } from "./kernel-symbols.ts";

const INSN_SIZE = 8;

/** The instructions in the kernel's wording, with the names that their numbers stand for. */
export function xlatedLines({ code, symbols }: DumpedProgram): DisassembledInsn[] {
  return disassemble(code.insns, { callee: (insn) => calleeName(symbols, code, insn) });
}

/** `htab_map_update_elem`: the kernel put the distance from __bpf_call_base where the helper's number was. */
function calleeName(symbols: KernelSymbols, code: ProgramCode, insn: Insn): string | undefined {
  if (insn.code !== (CLASS.JMP | JUMP.CALL)) return undefined;
  if (insn.src === CALL.LOCAL) {
    const address = code.jitedAddresses[insn.imm];
    const name = address === undefined ? undefined : symbols.nameAt(address);
    return name === undefined ? undefined : `${signed(insn.offset)}#${name}`;
  }
  return symbols.callee(insn.imm);
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

export function xlatedText(program: DumpedProgram, flags: DumpFlags): string {
  const { code, btf } = program;
  return xlatedLines(program)
    .map(({ slot, slots, text }) => {
      const proto = prototypeAt(program, slot);
      const line = lineAt(code, slot);
      const source = line && btf ? `; ${sourceText(btf, line, flags.lineNumbers)}\n` : "";
      const opcodes = flags.opcodes ? opcodesText(code, slot, slots) : "";
      const byte = (code.insns[slot]?.code ?? 0).toString(16).padStart(2, "0");
      return `${proto === undefined ? "" : `${proto}:\n`}${source}${String(slot).padStart(4)}: (${byte}) ${text}\n${opcodes}`;
    })
    .join("");
}

export function xlatedJson(program: DumpedProgram, flags: DumpFlags): Json {
  const { code, btf } = program;
  return xlatedLines(program).map(({ slot, slots, text }) => {
    const line = lineAt(code, slot);
    const byte = (code.insns[slot]?.code ?? 0).toString(16).padStart(2, "0");
    return {
      proto: prototypeAt(program, slot),
      ...(line && btf && lineJson(btf, line, flags.lineNumbers)),
      disasm: `(${byte}) ${text}`,
      opcodes: flags.opcodes ? opcodesJson(code, slot, slots) : undefined,
    };
  });
}

/** The prototype of the function that starts there. */
export function prototypeAt({ code, btf }: DumpedProgram, slot: number): string | undefined {
  const start = code.functions.find(({ insn }) => insn === slot);
  return start && prototype(btf, start.typeId);
}

function lineAt({ lines }: ProgramCode, slot: number): CodeLine | undefined {
  return lines.find(({ insn }) => insn === slot);
}

/** `       bf 16 00 00 00 00 00 00`: the bytes below their instruction. */
export function opcodesText(code: ProgramCode, slot: number, slots: number): string {
  return `       ${hexBytes(insnBytes(code, slot, slots)).join(" ")}\n`;
}

function insnBytes({ insns }: ProgramCode, slot: number, slots: number): Uint8Array {
  return encode(insns.slice(slot, slot + slots));
}

function opcodesJson(code: ProgramCode, slot: number, slots: number): Json {
  const bytes = insnBytes(code, slot, slots);
  const hex = hexBytes(bytes).map((byte) => `0x${byte}`);
  const registers = bytes[1]!;
  return {
    code: hex[0],
    src_reg: `0x${(registers >> 4).toString(16)}`,
    dst_reg: `0x${(registers & 0xf).toString(16)}`,
    off: hex.slice(2, 4),
    imm: hex.slice(4, slots * INSN_SIZE),
  };
}
