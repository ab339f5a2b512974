import type { Fd, InfoPointer, Kernel } from "../kernel/index.ts";
import { decode } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { readU32s, readU64s, StructReader } from "./struct-reader.ts";

export interface CodeFunction {
  /** Slot of its first instruction in the xlated program. */
  readonly insn: number;
  /** FUNC in the program's BTF. */
  readonly typeId: number;
}

export interface CodeLine {
  readonly insn: number;
  /** Offsets in the strings of the program's BTF. */
  readonly fileOffset: number;
  readonly lineOffset: number;
  readonly line: number;
  readonly column: number;
}

/** A program after the verifier, and after the JIT. */
export interface ProgramCode {
  readonly insns: readonly Insn[];
  readonly functions: readonly CodeFunction[];
  readonly lines: readonly CodeLine[];
  /** Machine code of all functions, one after another; empty where it is hidden or interpreted. */
  readonly jited: Uint8Array;
  /** Kernel addresses and sizes of the functions' machine code. */
  readonly jitedAddresses: readonly bigint[];
  readonly jitedSizes: readonly number[];
  /** Kernel address of each line's first machine instruction. */
  readonly jitedLines: readonly { readonly address: bigint; readonly line: CodeLine }[];
}

const LINE_SHIFT = 10;
const COLUMN_MASK = 0x3ff;

export function programCode(kernel: Kernel, fd: Fd): ProgramCode {
  const sizes = new StructReader("bpf_prog_info");
  kernel.objectInfo(fd, sizes.bytes);
  const info = new StructReader("bpf_prog_info");
  const pointers: InfoPointer[] = [];
  const ask = (
    count:
      | "xlated_prog_len"
      | "jited_prog_len"
      | "nr_func_info"
      | "nr_line_info"
      | "nr_jited_ksyms"
      | "nr_jited_func_lens"
      | "nr_jited_line_info",
    pointer:
      | "xlated_prog_insns"
      | "jited_prog_insns"
      | "func_info"
      | "line_info"
      | "jited_ksyms"
      | "jited_func_lens"
      | "jited_line_info",
    elementSize: number,
  ): Uint8Array => {
    const buffer = new Uint8Array(sizes.number(count) * elementSize);
    info.setNumber(count, sizes.number(count));
    pointers.push({ offset: info.offset(pointer), buffer });
    return buffer;
  };
  const functionSize = sizes.number("func_info_rec_size");
  const lineSize = sizes.number("line_info_rec_size");
  info.setNumber("func_info_rec_size", functionSize);
  info.setNumber("line_info_rec_size", lineSize);
  const insns = ask("xlated_prog_len", "xlated_prog_insns", 1);
  const jited = ask("jited_prog_len", "jited_prog_insns", 1);
  const functions = ask("nr_func_info", "func_info", functionSize);
  const lines = ask("nr_line_info", "line_info", lineSize);
  const addresses = ask("nr_jited_ksyms", "jited_ksyms", 8);
  const jitedSizes = ask("nr_jited_func_lens", "jited_func_lens", 4);
  const jitedLineSize = sizes.number("jited_line_info_rec_size");
  info.setNumber("jited_line_info_rec_size", jitedLineSize);
  const jitedLines = ask("nr_jited_line_info", "jited_line_info", jitedLineSize);
  kernel.objectInfo(fd, info.bytes, pointers);
  const sourceLines = records(lines, lineSize, info.number("nr_line_info")).map(
    ([insn = 0, fileOffset = 0, lineOffset = 0, place = 0]) => ({
      insn,
      fileOffset,
      lineOffset,
      line: place >>> LINE_SHIFT,
      column: place & COLUMN_MASK,
    }),
  );
  const lineAddresses = readU64s(jitedLines, jitedLineSize === 8 ? info.number("nr_jited_line_info") : 0);
  return {
    // A kernel that hides its pointers (kptr_restrict) leaves the buffers alone and says length 0.
    insns: decode(insns.subarray(0, info.number("xlated_prog_len"))),
    functions: records(functions, functionSize, info.number("nr_func_info")).map(
      ([insn = 0, typeId = 0]) => ({
        insn,
        typeId,
      }),
    ),
    lines: sourceLines,
    jited: jited.subarray(0, info.number("jited_prog_len")),
    jitedAddresses: readU64s(addresses, info.number("nr_jited_ksyms")),
    jitedSizes: readU32s(jitedSizes, info.number("nr_jited_func_lens")),
    jitedLines: sourceLines.flatMap((line, index) => {
      const address = lineAddresses[index];
      return address === undefined ? [] : [{ address, line }];
    }),
  };
}

/** Records of u32 members; newer kernels may have longer ones. */
function records(bytes: Uint8Array, size: number, count: number): number[][] {
  return Array.from(
    { length: size === 0 ? 0 : Math.min(count, Math.floor(bytes.length / size)) },
    (_, index) => readU32s(bytes.subarray(index * size, (index + 1) * size), size >>> 2),
  );
}
