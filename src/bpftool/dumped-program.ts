import { BtfKind } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { CodeLine, ProgramCode } from "../inspect/index.ts";
import type { Json } from "./json.ts";
import type { KernelSymbols } from "./kernel-symbols.ts";
import { functionText } from "./prototype.ts";

/** What is dumped of one program. */
export interface DumpedProgram {
  readonly code: ProgramCode;
  readonly btf: Btf | undefined;
  readonly symbols: KernelSymbols;
}

export interface DumpFlags {
  readonly opcodes: boolean;
  readonly lineNumbers: boolean;
}

/** `int main(struct __sk_buff * skb)`; undefined where BTF does not say. */
export function prototype(btf: Btf | undefined, typeId: number): string | undefined {
  return btf?.kind(typeId) === BtfKind.Func ? functionText(btf, typeId) : undefined;
}

export function sourceParts(btf: Btf, line: CodeLine): { readonly text: string; readonly file: string } {
  return { text: btf.string(line.lineOffset).trimStart(), file: btf.string(line.fileOffset) };
}

/** A line of source as it stands above its instructions. */
export function sourceText(btf: Btf, line: CodeLine, numbers: boolean): string {
  const { text, file } = sourceParts(btf, line);
  if (!numbers) return text;
  return `${text} [file:${file} line_num:${line.line} line_col:${line.column}]`;
}

export function lineJson(
  btf: Btf,
  line: CodeLine,
  numbers: boolean,
): { readonly [name: string]: Json | undefined } {
  const { text: src, file } = sourceParts(btf, line);
  if (!numbers) return { src };
  return {
    src,
    file,
    line_num: line.line === 0 ? undefined : line.line,
    line_col: line.column === 0 ? undefined : line.column,
  };
}

export function hexBytes(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
}
