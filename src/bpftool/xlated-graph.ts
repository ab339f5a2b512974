import { CALL, CLASS, JUMP } from "../isa/index.ts";
import type { DisassembledInsn, Insn } from "../isa/index.ts";
import type { CodeLine } from "../inspect/index.ts";
import { sourceParts } from "./dumped-program.ts";
import type { DumpedProgram, DumpFlags } from "./dumped-program.ts";
import { opcodesText, prototypeAt, xlatedLines } from "./xlated-text.ts";

/** Instructions from `first` to `last` that run one after another. */
interface Block {
  /** Its number in the graph; 0 and 1 are the function's entry and exit. */
  readonly index: number;
  readonly first: number;
  readonly last: number;
}

const ENTRY = 0;
const EXIT = 1;
const FIXED_BLOCKS = 2;

/** The program's control flow in the language of dot(1), function by function. */
export function xlatedGraph(program: DumpedProgram, flags: DumpFlags): string {
  const { insns } = program.code;
  const lines = new Map(xlatedLines(program).map((line) => [line.slot, line]));
  const starts = functionStarts(insns);
  const functions = starts.map((start, index) => {
    const end = (starts[index + 1] ?? insns.length) - 1;
    return functionGraph(program, lines, { index, start, end }, flags);
  });
  return `digraph "DOT graph for eBPF program" {\n${functions.join("")}}\n`;
}

/**
 * Slots at which functions begin. Of a compiled program a call's offset holds the distance and imm the number of
 * the function; of an interpreted one imm is gone too (kernel/bpf/verifier.c, jit_subprogs).
 */
function functionStarts(insns: readonly Insn[]): number[] {
  const starts = new Set([0]);
  insns.forEach((insn, slot) => {
    if (insn.code !== (CLASS.JMP | JUMP.CALL) || insn.src !== CALL.LOCAL) return;
    const target = slot + insn.offset + 1;
    if (target >= 0 && target < insns.length) starts.add(target);
  });
  return [...starts].sort((a, b) => a - b);
}

function functionGraph(
  program: DumpedProgram,
  lines: ReadonlyMap<number, DisassembledInsn>,
  { index, start, end }: { readonly index: number; readonly start: number; readonly end: number },
  flags: DumpFlags,
): string {
  const blocks = blocksOf(program.code.insns, start, end);
  const node = (block: number): string => `fn_${index}_bb_${block}`;
  const nodes = [
    `\t${node(ENTRY)} [shape=Mdiamond,style=filled,label="ENTRY"];\n\n`,
    ...blocks.map((block) => {
      const label = blockLabel(program, lines, start, block, flags);
      return `\t${node(block.index)} [shape=record,style=filled,label="{\\\n${label}}"];\n\n`;
    }),
    `\t${node(EXIT)} [shape=Mdiamond,style=filled,label="EXIT"];\n\n`,
  ];
  const edges = [
    [ENTRY, blocks[0]!.index] as const,
    ...blocks.flatMap((block, at) => successors(program.code.insns, blocks, block, at)),
  ].map(
    ([from, to]) =>
      `\t${node(from)}:s -> ${node(to)}:n [style="solid,bold", color=black, weight=10, constraint=true];\n`,
  );
  return [
    `subgraph "cluster_${index}" {\n\tstyle="dashed";\n\tcolor="black";\n\tlabel="func_${index} ()";\n`,
    ...nodes,
    ...edges,
    `\t${node(ENTRY)}:s -> ${node(EXIT)}:n [style="invis", constraint=true];\n}\n`,
  ].join("");
}

function blocksOf(insns: readonly Insn[], start: number, end: number): Block[] {
  const heads = new Set([start]);
  for (let slot = start; slot <= end; slot++) {
    const insn = insns[slot]!;
    if (!isBranch(insn)) continue;
    for (const target of [targetOf(insn, slot), ...(isJump(insn) ? [] : [slot + 1])])
      if (target >= start && target <= end) heads.add(target);
  }
  const sorted = [...heads].sort((a, b) => a - b);
  return sorted.map((first, at) => ({
    index: FIXED_BLOCKS + at,
    first,
    last: (sorted[at + 1] ?? end + 1) - 1,
  }));
}

/** Jumps, whether with or without a condition. */
function isBranch({ code }: Insn): boolean {
  const klass = code & 7;
  const operation = code & 0xf0;
  return (klass === CLASS.JMP || klass === CLASS.JMP32) && operation !== JUMP.CALL && operation !== JUMP.EXIT;
}

function isJump({ code }: Insn): boolean {
  return (code & 0xf0) === JUMP.JA;
}

/** gotol has its distance in imm. */
function targetOf(insn: Insn, slot: number): number {
  return slot + 1 + (insn.code === (CLASS.JMP32 | JUMP.JA) ? insn.imm : insn.offset);
}

function successors(
  insns: readonly Insn[],
  blocks: readonly Block[],
  block: Block,
  at: number,
): (readonly [from: number, to: number])[] {
  const insn = insns[block.last]!;
  const next = blocks[at + 1]?.index ?? EXIT;
  const jump = isBranch(insn)
    ? blocks.find(({ first }) => first === targetOf(insn, block.last))?.index
    : undefined;
  return [...(isBranch(insn) && isJump(insn) ? [] : [next]), ...(jump === undefined ? [] : [jump])].map(
    (to) => [block.index, to] as const,
  );
}

function blockLabel(
  program: DumpedProgram,
  lines: ReadonlyMap<number, DisassembledInsn>,
  start: number,
  { first, last }: Block,
  flags: DumpFlags,
): string {
  let label = "";
  let shown: CodeLine | undefined;
  for (let slot = first; slot <= last; slot++) {
    const insn = lines.get(slot);
    if (!insn) continue;
    const proto = prototypeAt(program, slot);
    if (proto !== undefined) label += `; ${proto}:\\l\\\n`;
    const line = lineBefore(program, slot);
    if (line && line !== shown) label += lineLabel(program, line, flags);
    shown = line;
    const byte = program.code.insns[slot]!.code.toString(16).padStart(2, "0");
    label += `${slot - start}: (${byte}) ${escapeInsn(insn.text)}\\l\\\n`;
    if (flags.opcodes) label += `\\ \\ \\ \\ ${opcodesText(program.code, slot, insn.slots).trim()}\\l\\\n`;
    if (slot + insn.slots <= last) label += "| ";
  }
  return label;
}

/** The line that an instruction belongs to. */
function lineBefore({ code }: DumpedProgram, slot: number): CodeLine | undefined {
  return code.lines.findLast(({ insn }) => insn <= slot);
}

function lineLabel({ btf }: DumpedProgram, line: CodeLine, { lineNumbers }: DumpFlags): string {
  const { text, file } = btf ? sourceParts(btf, line) : { text: "", file: "" };
  if (text === "") return "";
  const place = lineNumbers ? `; [${shortPath(file)} line:${line.line} col:${line.column}]\\l\\\n` : "";
  return `${place}; ${escapeSource(text)}\\l\\\n`;
}

const MAX_PATH_LENGTH = 32;

/** The end of a long path, behind an ellipsis. */
function shortPath(path: string): string {
  const slash = path.indexOf("/", path.length - MAX_PATH_LENGTH);
  if (path.length <= MAX_PATH_LENGTH) return escapeSource(path);
  if (slash >= 0 && slash < "...".length) return escapeSource(path);
  return `...${escapeSource(path.slice(slash < 0 ? path.lastIndexOf("/") : slash))}`;
}

function escapeInsn(text: string): string {
  return text.replaceAll(/[<>|&]/g, String.raw`\$&`);
}

function escapeSource(text: string): string {
  return text.replaceAll(/[\\"{}<>| ]/g, String.raw`\$&`);
}
