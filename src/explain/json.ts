import { disassemble, encode, explain, OPCODES } from "../isa/index.ts";
import type { Insn, Opcode } from "../isa/index.ts";
import { calledHelper } from "./helper.ts";
import type { Explanation } from "./input.ts";

/** The same as the text, for machines: one object. */
export function explanationJson(explanation: Explanation): object {
  switch (explanation.kind) {
    case "opcodes":
      return { opcode: explanation.code, instructions: explanation.rows.map(rowJson) };
    case "instructions":
      return { instructions: instructionsJson(explanation.insns) };
    case "object":
      return {
        programs: explanation.programs.map(({ name, section, insns }) => ({
          name,
          section,
          instructions: instructionsJson(insns),
        })),
      };
    case "verdict":
      return explanation.verdict;
    case "attr":
      return explanation.attr;
  }
}

export function opcodeTableJson(): object {
  return OPCODES.map(rowJson);
}

function rowJson({
  code,
  name,
  wording,
  fixed,
  form,
  operand,
  size,
  since,
  linux,
  explanation,
}: Opcode): object {
  return { code, name, wording, fixed, form, operand, size, isa: since, linux, explanation };
}

function instructionsJson(insns: readonly Insn[]): object[] {
  return disassemble(insns).map(({ slot, slots, text }) => {
    const { opcode, summary, fields } = explain(insns, slot);
    const helper = calledHelper(insns[slot]!);
    const bytes = Buffer.from(encode(insns.slice(slot, slot + slots))).toString("hex");
    return {
      slot,
      bytes,
      text,
      name: opcode?.name,
      summary,
      isa: opcode?.since,
      linux: opcode?.linux,
      fields,
      helper,
    };
  });
}
