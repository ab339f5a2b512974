import { BtfKind } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { programCode, programInfo } from "../inspect/index.ts";
import type { CodeLine, ProgramCode } from "../inspect/index.ts";
import { CALL, CLASS, disassemble, encode, JUMP } from "../isa/index.ts";
import type { DisassembledInsn, Insn } from "../isa/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Command } from "./command.ts";
import { objectBtf, openPrograms, single } from "./handle.ts";
import type { Json } from "./json.ts";
import { KernelSymbols } from "./kernel-symbols.ts";
import { ToolError } from "./tool-error.ts";

interface DumpedProgram {
  readonly code: ProgramCode;
  readonly btf: Btf | undefined;
  readonly lines: readonly DisassembledInsn[];
}

interface DumpFlags {
  readonly opcodes: boolean;
  readonly lineNumbers: boolean;
}

const INSN_SIZE = 8;

/** prog dump xlated PROG [opcodes] [linum]. */
export const dumpProgram: Command = async ({ args, kernel: open }) => {
  if (!args.accept("xlated")) throw new ToolError("expected 'xlated', as this build dumps no machine code");
  const kernel = await open();
  const fd = single(kernel, "program", openPrograms(kernel, args));
  const flags = { opcodes: args.accept("opcodes"), lineNumbers: args.accept("linum") };
  args.end();
  const program = readProgram(kernel, fd);
  kernel.close(fd);
  return { text: () => dumpText(program, flags), json: () => dumpJson(program, flags) };
};

function readProgram(kernel: Kernel, fd: Fd): DumpedProgram {
  const { btfId, xlatedSize } = programInfo(kernel, fd);
  const code = programCode(kernel, fd);
  if (code.insns.length === 0 && xlatedSize > 0)
    throw new ToolError("the kernel does not show the program's instructions", 255, [
      "Run as root with kernel.kptr_restrict below 2 (sysctl kernel.kptr_restrict=1)",
    ]);
  const symbols = new KernelSymbols(kernel.files.kallsyms());
  const lines = disassemble(code.insns, { callee: (insn) => calleeName(symbols, code, insn) });
  return { code, btf: btfId === 0 ? undefined : objectBtf(kernel, btfId), lines };
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

function dumpText({ code, btf, lines }: DumpedProgram, flags: DumpFlags): string {
  return lines
    .map(({ slot, slots, text }) => {
      const proto = prototypeAt(code, btf, slot);
      const line = lineAt(code, slot);
      const source = line && btf ? `; ${sourceText(btf, line, flags.lineNumbers)}\n` : "";
      const opcodes = flags.opcodes ? `       ${hexBytes(insnBytes(code, slot, slots)).join(" ")}\n` : "";
      const byte = (code.insns[slot]?.code ?? 0).toString(16).padStart(2, "0");
      return `${proto === undefined ? "" : `${proto}:\n`}${source}${String(slot).padStart(4)}: (${byte}) ${text}\n${opcodes}`;
    })
    .join("");
}

function dumpJson({ code, btf, lines }: DumpedProgram, flags: DumpFlags): Json {
  return lines.map(({ slot, slots, text }) => {
    const line = lineAt(code, slot);
    const byte = (code.insns[slot]?.code ?? 0).toString(16).padStart(2, "0");
    return {
      proto: prototypeAt(code, btf, slot),
      ...(line && btf && lineJson(btf, line, flags.lineNumbers)),
      disasm: `(${byte}) ${text}`,
      opcodes: flags.opcodes ? opcodesJson(code, slot, slots) : undefined,
    };
  });
}

function prototypeAt({ functions }: ProgramCode, btf: Btf | undefined, slot: number): string | undefined {
  const start = functions.find(({ insn }) => insn === slot);
  if (!start || !btf || btf.kind(start.typeId) !== BtfKind.Func) return undefined;
  const proto = btf.target(start.typeId);
  const params = btf
    .params(proto)
    .map(({ name, type }) => (type === 0 ? "..." : `${typeOnly(btf, type)}${name}`));
  return `${typeOnly(btf, btf.target(proto))}${btf.name(start.typeId)}(${params.join(", ")})`;
}

const MODIFIERS: ReadonlyMap<number, string> = new Map([
  [BtfKind.Const, "const "],
  [BtfKind.Volatile, "volatile "],
  [BtfKind.Restrict, "restrict "],
]);
const TAGS: ReadonlyMap<number, string> = new Map([
  [BtfKind.Struct, "struct "],
  [BtfKind.Union, "union "],
  [BtfKind.Enum, "enum "],
  [BtfKind.Enum64, "enum "],
]);

/** A type in front of a name, always with a space behind it: `struct __sk_buff * `. */
function typeOnly(btf: Btf, id: number): string {
  if (id === 0) return "void ";
  const kind = btf.kind(id);
  if (kind === BtfKind.Ptr) return `${typeOnly(btf, btf.target(id))}* `;
  if (kind === BtfKind.TypeTag) return typeOnly(btf, btf.target(id));
  const modifier = MODIFIERS.get(kind);
  if (modifier !== undefined) return `${modifier}${typeOnly(btf, btf.target(id))}`;
  if (kind === BtfKind.Array) {
    const { element, length } = btf.array(id);
    return `${typeOnly(btf, element)}[${length}]`;
  }
  return `${TAGS.get(kind) ?? ""}${btf.name(id)} `;
}

function lineAt({ lines }: ProgramCode, slot: number): CodeLine | undefined {
  return lines.find(({ insn }) => insn === slot);
}

function sourceText(btf: Btf, line: CodeLine, numbers: boolean): string {
  const text = btf.string(line.lineOffset).trimStart();
  if (!numbers) return text;
  return `${text} [file:${btf.string(line.fileOffset)} line_num:${line.line} line_col:${line.column}]`;
}

function lineJson(btf: Btf, line: CodeLine, numbers: boolean): { readonly [name: string]: Json | undefined } {
  const src = btf.string(line.lineOffset).trimStart();
  if (!numbers) return { src };
  return {
    src,
    file: btf.string(line.fileOffset),
    line_num: line.line === 0 ? undefined : line.line,
    line_col: line.column === 0 ? undefined : line.column,
  };
}

function insnBytes({ insns }: ProgramCode, slot: number, slots: number): Uint8Array {
  return encode(insns.slice(slot, slot + slots));
}

function hexBytes(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
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
