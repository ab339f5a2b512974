import type { Disassembler, MachineInsn } from "../disassembler/index.ts";
import type { CodeLine } from "../inspect/index.ts";
import { hexBytes, lineJson, prototype, sourceText } from "./dumped-program.ts";
import type { DumpedProgram, DumpFlags } from "./dumped-program.ts";
import type { Json } from "./json.ts";

/** A function of the program as the kernel compiled it. */
interface JitedFunction {
  readonly prototype: string | undefined;
  readonly name: string;
  readonly insns: readonly JitedInsn[];
}

interface JitedInsn {
  readonly insn: MachineInsn;
  /** The source line that begins here. */
  readonly line: CodeLine | undefined;
  /** Where a call or jump goes: a kernel function's name, or `+0x1c` in this function. */
  readonly place: string | undefined;
}

export function jitedText(program: DumpedProgram, disassembler: Disassembler, flags: DumpFlags): string {
  return jitedFunctions(program, disassembler)
    .map(({ prototype: proto, name, insns }) => {
      const head = `${proto === undefined ? "" : `${proto}:\n`}${name}:\n`;
      return `${head}${insns.map((insn) => insnText(program, insn, flags)).join("")}\n`;
    })
    .join("");
}

function insnText({ btf }: DumpedProgram, { insn, line, place }: JitedInsn, flags: DumpFlags): string {
  const source = line && btf ? `; ${sourceText(btf, line, flags.lineNumbers)}\n` : "";
  const words = `${insn.mnemonic.padEnd(6)} ${insn.operands.join(",")}`.trimEnd();
  const target = place === undefined ? "" : ` <${place}>`;
  const opcodes = flags.opcodes ? `\n\t${hexBytes(insn.bytes).join(" ")} ` : "";
  return `${source}${insn.offset.toString(16).padStart(4)}:\t${words}${target}${opcodes}\n`;
}

export function jitedJson(program: DumpedProgram, disassembler: Disassembler, flags: DumpFlags): Json {
  const { btf } = program;
  return jitedFunctions(program, disassembler).map(({ prototype: proto, name, insns }) => ({
    proto,
    name,
    insns: insns.map(({ insn, line, place }) => ({
      ...(line && btf && lineJson(btf, line, flags.lineNumbers)),
      pc: `0x${insn.offset.toString(16)}`,
      operation: insn.mnemonic,
      operands: insn.operands.length === 0 ? [null] : insn.operands,
      target: place,
      opcodes: flags.opcodes ? hexBytes(insn.bytes).map((byte) => `0x${byte}`) : undefined,
    })),
  }));
}

function jitedFunctions(program: DumpedProgram, disassembler: Disassembler): JitedFunction[] {
  const { code, btf, symbols } = program;
  // Kernels before 4.18 tell neither sizes nor addresses: all of it is one piece then.
  const sizes = code.jitedSizes.length === 0 ? [code.jited.length] : code.jitedSizes;
  let start = 0;
  return sizes.map((size, index) => {
    const address = code.jitedAddresses[index];
    const bytes = code.jited.subarray(start, start + size);
    start += size;
    const insns = disassembler.disassemble(bytes, address ?? 0n);
    const typeId = code.functions[index]?.typeId;
    return {
      prototype: typeId === undefined ? undefined : prototype(btf, typeId),
      name: address === undefined ? "unknown" : (symbols.nameAt(address) ?? hexAddress(address)),
      insns: withLines(program, insns, address, size),
    };
  });
}

function hexAddress(address: bigint): string {
  return `0x${address.toString(16).padStart(16, "0")}`;
}

function withLines(
  { code, symbols }: DumpedProgram,
  insns: readonly MachineInsn[],
  address: bigint | undefined,
  size: number,
): JitedInsn[] {
  const lines = address === undefined ? new Map<number, CodeLine>() : linesOf(code.jitedLines, address, size);
  return insns.map((insn) => ({
    insn,
    line: lines.get(insn.offset),
    place: insn.target === undefined ? undefined : placeOf(insn.target, address, size, symbols),
  }));
}

/** Lines of one function by their distance from its start; of several at one place the last. */
function linesOf(
  lines: readonly { readonly address: bigint; readonly line: CodeLine }[],
  start: bigint,
  size: number,
): Map<number, CodeLine> {
  return new Map(
    lines
      .filter(({ address }) => address >= start && address < start + BigInt(size))
      .map(({ address, line }) => [Number(address - start), line]),
  );
}

function placeOf(
  target: bigint,
  address: bigint | undefined,
  size: number,
  symbols: DumpedProgram["symbols"],
): string | undefined {
  if (address !== undefined && target >= address && target < address + BigInt(size))
    return `+0x${(target - address).toString(16)}`;
  return symbols.nameAt(target);
}
