import type { FunctionInfo, LineInfo, ProgramSpec } from "../object/index.ts";
import { STRUCT } from "../uapi/index.ts";

/** struct btf_header: offsets of the string section's place and size. */
const BTF_HEADER_LENGTH = 4;
const BTF_STRING_OFFSET = 16;
const BTF_STRING_LENGTH = 20;

export interface ObjectDebugInfo {
  /** The object's BTF with the sources' names and lines added to its strings. */
  readonly btf: Uint8Array;
  /** Offset of each text in the strings. */
  readonly offsets: ReadonlyMap<string, number>;
}

/**
 * Adds the texts of all line information to a BTF blob, which bpf_line_info points into by offset.
 * Undefined if the strings are not the blob's end, where they cannot grow.
 */
export function addLineTexts(btf: Uint8Array, programs: readonly ProgramSpec[]): ObjectDebugInfo | undefined {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  if (btf.byteLength < BTF_STRING_LENGTH + 4) return undefined;
  const end = view.getUint32(BTF_HEADER_LENGTH, true) + view.getUint32(BTF_STRING_OFFSET, true);
  const length = view.getUint32(BTF_STRING_LENGTH, true);
  if (end + length !== btf.byteLength) return undefined;
  const offsets = new Map<string, number>();
  let size = length;
  for (const text of programs.flatMap(({ lines }) => lines.flatMap((line) => [line.file, line.text]))) {
    if (offsets.has(text)) continue;
    offsets.set(text, size);
    size += Buffer.byteLength(text) + 1;
  }
  const texts = Buffer.from([...offsets.keys()].map((text) => `${text}\0`).join(""));
  const grown = Buffer.concat([btf, texts]);
  grown.writeUInt32LE(size, BTF_STRING_LENGTH);
  return { btf: grown, offsets };
}

/** struct bpf_func_info[]. */
export function encodeFunctionInfo(functions: readonly FunctionInfo[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(functions.flatMap(({ insn, typeId }) => [insn, typeId])).buffer);
}

/** struct bpf_line_info[]: the line number is in the upper 22 bits of line_col. */
export function encodeLineInfo(lines: readonly LineInfo[], offsets: ReadonlyMap<string, number>): Uint8Array {
  const words = lines.flatMap(({ insn, file, text, line, column }) => [
    insn,
    offsets.get(file) ?? 0,
    offsets.get(text) ?? 0,
    ((line << 10) | Math.min(column, 0x3ff)) >>> 0,
  ]);
  return new Uint8Array(Uint32Array.from(words).buffer);
}

export const FUNCTION_INFO_SIZE: number = STRUCT.bpf_func_info.size;
export const LINE_INFO_SIZE: number = STRUCT.bpf_line_info.size;
