import { disassemble, encode, explain, OPCODES } from "../isa/index.ts";
import type { DisassembledInsn, Insn, Opcode } from "../isa/index.ts";
import { calledHelper } from "./helper.ts";
import type { Explanation } from "./input.ts";
import type { AttrExplanation } from "./bpf-attr.ts";
import type { LoggedInsn, VerifierVerdict } from "./verifier-log.ts";

/** Programs of more instructions than this are shown by a line each. */
const FEW = 4;

export function explanationText(explanation: Explanation, verbose: boolean): string {
  switch (explanation.kind) {
    case "opcodes":
      return opcodesText(explanation.code, explanation.rows);
    case "instructions":
      return instructionsText(explanation.insns, verbose);
    case "object":
      return explanation.programs
        .map(({ name, section, insns }) => `${name} (${section}):\n${instructionsText(insns, verbose)}`)
        .join("\n");
    case "verdict":
      return verdictText(explanation.verdict);
    case "attr":
      return attrText(explanation.attr);
  }
}

/** The whole instruction set: one row an instruction, by opcode. */
export function opcodeTableText(): string {
  const rows = OPCODES.toSorted((a, b) => a.code - b.code).map((row) => [
    hex(row.code),
    row.name,
    row.wording,
    fixedText(row),
    `v${row.since}`,
    row.linux,
    row.explanation,
  ]);
  return columns([["opcode", "name", "instruction", "fixed", "ISA", "Linux", "meaning"], ...rows]);
}

function opcodesText(code: number, rows: readonly Opcode[]): string {
  if (rows.length === 0)
    return `0x${hex(code)}: no instruction; the verifier refuses this opcode\n${fieldsText(anyInsn(code))}`;
  const named = rows.map((row) => [
    `  ${row.name}`,
    row.wording,
    fixedText(row),
    `ISA v${row.since}, Linux ${row.linux}`,
    row.explanation,
  ]);
  return `0x${hex(code)}: ${rows.length === 1 ? "one instruction" : `${rows.length} instructions, by their other fields`}\n${columns(named)}\n${fieldsText(anyInsn(code))}`;
}

/** Only the fields of the opcode byte itself are told of it. */
function anyInsn(code: number): readonly Insn[] {
  return [{ code, dst: 0, src: 0, offset: 0, imm: 0 }];
}

function fieldsText(insns: readonly Insn[], slot = 0, all = false): string {
  const { fields } = explain(insns, slot);
  return columns(
    fields
      .filter(({ place }) => all || place.startsWith("code"))
      .map(({ field, value, place, meaning }) => [`  ${field}`, value, place, meaning]),
  );
}

function instructionsText(insns: readonly Insn[], verbose: boolean): string {
  const lines = disassemble(insns);
  if (!verbose && lines.length > FEW) {
    return columns(
      lines.map((line) => [
        `${String(line.slot).padStart(4)}: (${hex(insns[line.slot]!.code)})`,
        line.text,
        summaryOf(insns, line),
      ]),
    );
  }
  return lines.map((line) => insnText(insns, line)).join("\n");
}

function insnText(insns: readonly Insn[], line: DisassembledInsn): string {
  const bytes = [...encode(insns.slice(line.slot, line.slot + line.slots))].map(hex).join(" ");
  const { opcode } = line;
  const since = opcode ? `  ${opcode.name}, ISA v${opcode.since}, ${linuxText(opcode.linux)}\n` : "";
  return `${bytes}   ${line.text}\n  ${summaryOf(insns, line)}\n${since}${fieldsText(insns, line.slot, true)}`;
}

function linuxText(linux: string): string {
  if (linux === "internal") return "written by the kernel only";
  return linux === "none" ? "in no Linux" : `since Linux ${linux}`;
}

/** The row's explanation, what a helper takes and gives, and where a jump goes. */
function summaryOf(insns: readonly Insn[], line: DisassembledInsn): string {
  const helper = calledHelper(insns[line.slot]!);
  if (helper) {
    const given = helper.arguments.map((argument, index) => `r${index + 1} ${argument}`);
    return `call a helper: ${given.length === 0 ? "no arguments" : given.join(", ")}; r0 becomes ${helper.returns}`;
  }
  const { summary } = explain(insns, line.slot);
  const distance = /pc([-+]\d+)/.exec(line.text)?.[1];
  return distance === undefined || line.text.startsWith("call")
    ? summary
    : `${summary}; to ${line.slot + line.slots + Number(distance)}`;
}

function verdictText(verdict: VerifierVerdict): string {
  const program = verdict.program === undefined ? "The program" : `Program ${verdict.program}`;
  const steps = verdict.processed === undefined ? "" : ` after ${verdict.processed} instructions`;
  if (verdict.accepted) return `${program} was accepted${steps}\n`;
  const rows: (readonly [string, string])[] = [["why", verdict.reason]];
  if (verdict.insn) rows.push(["where", whereText(verdict.insn)]);
  if (verdict.insn?.source) rows.push(["source", sourceText(verdict.insn)]);
  for (const { register, state, setBy } of verdict.registers) {
    if (state !== undefined) rows.push([register, state]);
    if (setBy) rows.push([state === undefined ? register : "", setByText(setBy)]);
  }
  rows.push(["meaning", verdict.meaning ?? "a message that this program does not know"]);
  if (verdict.fix !== undefined) rows.push(["fix", verdict.fix]);
  return `${program} was rejected${steps}\n${rows.map(([name, text]) => `  ${name.padEnd(8)} ${text}\n`).join("")}`;
}

function setByText(insn: LoggedInsn): string {
  return `set by ${whereText(insn)}${insn.source ? `   ; ${insn.source.text}` : ""}`;
}

function whereText({ slot, text }: LoggedInsn): string {
  return `instruction ${slot}: ${text}`;
}

function sourceText({ source }: LoggedInsn): string {
  const { text, file, line } = source!;
  return file === undefined ? text : `${file}:${line}: ${text}`;
}

function attrText({ command, size, fields, unknownTail }: AttrExplanation): string {
  const rows = fields.map(({ name, offset, size: width, value, meaning }) => [
    `  ${name}`,
    value,
    meaning ?? "",
    `bytes ${offset}-${offset + width - 1}`,
  ]);
  const tail = unknownTail === undefined ? "" : `  unknown bytes at the end: ${unknownTail}\n`;
  return `${command}, ${size} bytes\n${columns(rows)}${tail}`;
}

function fixedText({ fixed }: Opcode): string {
  return Object.entries(fixed)
    .map(([field, value]) => `${field}=${value}`)
    .join(" ");
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

/** Lines with their columns aligned; the last column is not padded. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, index) => cell.padEnd(widths[index]!))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
