import { BtfKind } from "../../../btf/index.ts";
import { LDIMM64 } from "../../../isa/index.ts";
import { STRUCT } from "../../../uapi/index.ts";
import type { Memory } from "../memory.ts";
import type { BtfObject } from "./btf-object.ts";
import type { BpfProgram } from "./program.ts";

/** How often the parts of a program ran. */
export interface ProgramCoverage {
  readonly name: string;
  /** By slot; undefined for the second slot of a 64-bit constant. */
  readonly instructions: readonly (number | undefined)[];
  /** Of the program's line information, in its order; the same line may come several times. */
  readonly lines: readonly LineCoverage[];
  readonly functions: readonly FunctionCoverage[];
}

export interface LineCoverage {
  readonly file: string;
  readonly line: number;
  /** The source line. */
  readonly text: string;
  readonly count: number;
}

export interface FunctionCoverage {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly count: number;
}

const LINE_SHIFT = 10;

/** Undefined for programs whose instructions were not counted. */
export function coverageOf(program: BpfProgram, memory: Memory): ProgramCoverage | undefined {
  const { counters, insns, name, btf, lineInfo, functionInfo } = program.definition;
  if (counters === undefined) return undefined;
  const counts = insns.map((_, slot) => Number(memory.u64(counters + slot * 8)));
  const instructions = counts.map((count, slot) => (insns[slot - 1]?.code === LDIMM64 ? undefined : count));
  const types = btf?.types();
  if (!types) return { name, instructions, lines: [], functions: [] };
  const lines = records(lineInfo, STRUCT.bpf_line_info.size).map(
    ([slot = 0, file = 0, text = 0, place = 0]) => ({
      slot,
      file: types.string(file),
      line: place >>> LINE_SHIFT,
      text: types.string(text),
      count: counts[slot] ?? 0,
    }),
  );
  const functions = records(functionInfo, STRUCT.bpf_func_info.size).map(([slot = 0, type = 0]) => {
    const first = lines.find((line) => line.slot === slot);
    const known = types.has(type) && types.kind(type) === BtfKind.Func;
    return {
      name: known ? types.name(type) : `function_${slot}`,
      file: first?.file ?? "",
      line: first?.line ?? 0,
      count: counts[slot] ?? 0,
    };
  });
  return { name, instructions, lines: lines.map(({ slot: _slot, ...line }) => line), functions };
}

/** The source line that an instruction belongs to, if the program says. */
export function lineAt(
  btf: BtfObject | undefined,
  lineInfo: Uint8Array,
  slot: number,
): Omit<LineCoverage, "count"> | undefined {
  const found = records(lineInfo, STRUCT.bpf_line_info.size).findLast(([first = 0]) => first <= slot);
  if (!btf || !found) return undefined;
  const [, file = 0, text = 0, place = 0] = found;
  const types = btf.types();
  return { file: types.string(file), line: place >>> LINE_SHIFT, text: types.string(text) };
}

function records(bytes: Uint8Array, size: number): number[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, index) =>
    Array.from({ length: size / 4 }, (_word, word) => view.getUint32(index * size + word * 4, true)),
  );
}
