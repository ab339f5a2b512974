import type { BtfExtSection } from "../btf/index.ts";
import {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  SectionFlag,
  SectionType,
  SymbolBinding,
  SymbolType,
} from "../elf/index.ts";
import { decode } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { ObjectError } from "./error.ts";

/** A section of instructions; all places are slots from its start. */
export interface CodeSection {
  readonly name: string;
  readonly index: number;
  readonly insns: readonly Insn[];
  /** In ascending order. */
  readonly functions: readonly CodeFunction[];
  /** By the slot they apply to. */
  readonly references: ReadonlyMap<number, ElfSymbol>;
  readonly ext: BtfExtSection | undefined;
}

export interface CodeFunction {
  readonly name: string;
  readonly section: string;
  readonly start: number;
  readonly end: number;
  readonly local: boolean;
}

/** Every section of instructions, by index. */
export function readCode(
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  ext: ReadonlyMap<string, BtfExtSection>,
): Map<number, CodeSection> {
  const code = new Map<number, CodeSection>();
  for (const section of elf.sections) {
    const executable = (section.flags & SectionFlag.Execute) !== 0;
    if (section.type !== SectionType.Progbits || !executable || section.size === 0) continue;
    const insns = decode(elf.data(section));
    code.set(section.index, {
      name: section.name,
      index: section.index,
      insns,
      functions: readFunctions(section, symbols, insns.length),
      references: readReferences(elf, section, symbols),
      ext: ext.get(section.name),
    });
  }
  return code;
}

function readFunctions(section: ElfSection, symbols: readonly ElfSymbol[], slots: number): CodeFunction[] {
  return symbols
    .filter((symbol) => symbol.type === SymbolType.Function && symbol.section === section.index)
    .map(({ name, value, size, binding }) => {
      const start = value / 8;
      const end = (value + size) / 8;
      if (!Number.isInteger(start) || !Number.isInteger(end) || end > slots || size === 0)
        throw new ObjectError(
          "object/bad-elf",
          `Function ${name} does not lie within section ${section.name}`,
        );
      return { name, section: section.name, start, end, local: binding === SymbolBinding.Local };
    })
    .sort((a, b) => a.start - b.start);
}

function readReferences(
  elf: ElfFile,
  section: ElfSection,
  symbols: readonly ElfSymbol[],
): Map<number, ElfSymbol> {
  const references = new Map<number, ElfSymbol>();
  for (const table of elf.sections) {
    if (table.info !== section.index) continue;
    if (table.type !== SectionType.Rel && table.type !== SectionType.Rela) continue;
    for (const { offset, symbol } of elf.relocations(table)) {
      const target = symbols[symbol];
      if (!target)
        throw new ObjectError(
          "object/bad-elf",
          `A relocation of section ${section.name} names symbol ${symbol}, which does not exist`,
        );
      references.set(offset / 8, target);
    }
  }
  return references;
}
