import { writeFileSync } from "node:fs";
import { BtfKind } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { programCode, programInfo } from "../inspect/index.ts";
import type { CodeLine, ProgramCode } from "../inspect/index.ts";
import { CALL, CLASS, disassemble, encode, JUMP } from "../isa/index.ts";
import type { DisassembledInsn, Insn } from "../isa/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { fullProgramName, objectBtf, openAll } from "./handle.ts";
import { headJson, headText } from "./program-head.ts";
import type { ProgramHead } from "./program-head.ts";
import type { Json } from "./json.ts";
import { functionText } from "./prototype.ts";
import { KernelSymbols } from "./kernel-symbols.ts";
import { ToolError } from "./tool-error.ts";

interface DumpedProgram {
  readonly head: ProgramHead;
  readonly code: ProgramCode;
  readonly btf: Btf | undefined;
  readonly lines: readonly DisassembledInsn[];
}

interface DumpFlags {
  readonly opcodes: boolean;
  readonly lineNumbers: boolean;
}

const INSN_SIZE = 8;

/** prog dump xlated PROG [file FILE | [opcodes] [linum]]. */
export const dumpProgram: Command = async ({ args, kernel: open }) => {
  args.require(3, "prog dump");
  if (!args.accept("xlated")) throw new ToolError(`expected 'xlated', got: ${args.peek()}`);
  const kernel = await open();
  using opened = openAll(kernel, "prog", args);
  const { file, flags } = takeDumpFlags(args, opened.fds.length > 1);
  const programs = opened.fds.map((fd) => readProgram(kernel, fd));
  if (file !== undefined) {
    writeFileSync(file, encode(programs[0]!.code.insns));
    return DONE;
  }
  const several = programs.length > 1;
  return {
    text: () =>
      programs
        .map((program) => `${several ? headText(program.head) : ""}${dumpText(program, flags)}`)
        .join("\n"),
    json: () => {
      const dumps = programs.map((program) => dumpJson(program, flags));
      return several
        ? programs.map((program, index) => ({ ...headJson(program.head), insns: dumps[index] ?? [] }))
        : (dumps[0] ?? []);
    },
  };
};

function takeDumpFlags(
  args: Arguments,
  several: boolean,
): { readonly file: string | undefined; readonly flags: DumpFlags } {
  let file: string | undefined;
  let flags: DumpFlags = { opcodes: false, lineNumbers: false };
  while (args.left > 0) {
    if (args.accept("file")) {
      if (several) throw new ToolError("several programs matched");
      file = args.take("FILE");
    } else if (args.accept("opcodes")) flags = { ...flags, opcodes: true };
    else if (args.accept("linum")) flags = { ...flags, lineNumbers: true };
    else args.end();
  }
  if (file !== undefined && (flags.opcodes || flags.lineNumbers))
    throw new ToolError("'file' is not compatible with 'opcodes', 'visual', or 'linum'");
  return { file, flags };
}

function readProgram(kernel: Kernel, fd: Fd): DumpedProgram {
  const info = programInfo(kernel, fd);
  const code = programCode(kernel, fd);
  if (code.insns.length === 0 && info.xlatedSize > 0)
    throw new ToolError("the kernel does not show the program's instructions", 255, [
      "Run as root with kernel.kptr_restrict below 2 (sysctl kernel.kptr_restrict=1)",
    ]);
  const symbols = new KernelSymbols(kernel.files.kallsyms());
  const lines = disassemble(code.insns, { callee: (insn) => calleeName(symbols, code, insn) });
  return {
    head: { info, name: fullProgramName(kernel, fd) },
    code,
    btf: info.btfId === 0 ? undefined : objectBtf(kernel, info.btfId),
    lines,
  };
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
  return start && btf && btf.kind(start.typeId) === BtfKind.Func
    ? functionText(btf, start.typeId)
    : undefined;
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
