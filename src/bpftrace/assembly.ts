import { disassemble, type Resolver } from "../isa/index.ts";
import type { ObjectSpec, ProgramSpec, Relocation } from "../object/index.ts";

/** Programs in the kernel's wording, between the source lines they come from: what `-d asm` shows. */
export function printAssembly(object: ObjectSpec): string {
  return object.programs.map(printProgramSpec).join("\n");
}

function printProgramSpec({ name, section, insns, relocations, lines }: ProgramSpec): string {
  const count = insns.length;
  const text = [`${section}: ${name}, ${count} instruction${count === 1 ? "" : "s"}`];
  const relocated = new Map(relocations.map((relocation) => [relocation.insn, relocation]));
  const sources = new Map(lines.map((line) => [line.insn, line]));
  let last = -1;
  for (const { slot, text: wording } of disassemble(insns, names(relocated))) {
    const source = sources.get(slot);
    if (source !== undefined && source.line !== last) {
      text.push(`; ${source.line}: ${source.text.trim()}`);
      last = source.line;
    }
    const note = remark(relocated.get(slot));
    text.push(`${String(slot).padStart(4)}: ${wording}${note === "" ? "" : `  ; ${note}`}`);
  }
  return `${text.join("\n")}\n`;
}

/** Names in place of the numbers that only the loader knows. */
function names(relocated: ReadonlyMap<number, Relocation>): Resolver {
  return {
    immediate64: (_insn, _value, slot) => {
      const relocation = relocated.get(slot);
      if (relocation?.kind === "ksym") return relocation.name;
      if (relocation?.kind !== "map") return undefined;
      return relocation.offset === undefined
        ? `map ${relocation.map}`
        : `value of ${relocation.map} + ${relocation.offset}`;
    },
    callee: (_insn, slot) => {
      const relocation = relocated.get(slot);
      return relocation?.kind === "kfunc" ? relocation.name : undefined;
    },
  };
}

/** What a number in the instruction is, when the kernel's types decide it. */
function remark(relocation: Relocation | undefined): string {
  switch (relocation?.kind) {
    case "tracepoint":
      return `${relocation.tracepoint}.${relocation.field}`;
    case "core":
      return `CO-RE type ${relocation.typeId}, ${relocation.access}`;
    default:
      return "";
  }
}
