import { encodeBtfExt } from "../../btf/index.ts";
import { ElfBuilder, ElfMachine, SectionFlag, SectionType, SymbolType } from "../../elf/index.ts";
import type { ElfRelocation, ElfSection, NewRelocation } from "../../elf/index.ts";
import { BpfkitError } from "../../errors.ts";
import { CLASS, JUMP } from "../../isa/index.ts";
import { ObjectError } from "../error.ts";
import { type LinkInput, type LinkObject, readLinkObject } from "./input.ts";
import { mergeSections, type SectionLayout } from "./merged-sections.ts";
import { mergeSymbols, type SymbolTable } from "./merged-symbols.ts";
import { mergeTypes } from "./merged-types.ts";

/**
 * Links BPF objects into one: sections of one name behind each other, declarations resolved by definitions, types
 * merged. Static symbols stay apart, whatever their names. Debug information (DWARF) is left out.
 * @throws ObjectError `object/link` where the objects contradict each other; ObjectError, ElfError or BtfError where
 * one does not hold together.
 */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array<ArrayBuffer> {
  const objects = inputs.map(readNamed);
  const layout = mergeSections(objects);
  const table = mergeSymbols(objects, layout);
  const types = mergeTypes(objects, layout, table);
  const relocations = mergeRelocations(objects, layout, table);

  const elf = new ElfBuilder(ElfMachine.Bpf);
  const sections = layout.merged.map((section) => elf.section(section));
  const symbols = table.symbols.map(({ section, special, ...symbol }) =>
    elf.symbol({ ...symbol, section: sections[section] ?? special }),
  );
  for (const [merged, entries] of relocations)
    elf.relocations(
      sections[merged]!,
      entries.map((entry) => ({ ...entry, symbol: symbols[entry.symbol]! })),
    );
  if (types) {
    const ext = encodeBtfExt(types.ext, types.builder);
    const section = { type: SectionType.Progbits, alignment: 8 };
    elf.section({ ...section, name: ".BTF", bytes: types.builder.encode() });
    if (types.ext.size > 0) elf.section({ ...section, name: ".BTF.ext", bytes: ext });
  }
  return elf.finish();
}

/** What is wrong inside a file is said with its name. */
function readNamed(input: LinkInput): LinkObject {
  try {
    return readLinkObject(input);
  } catch (error) {
    if (error instanceof ObjectError || !(error instanceof BpfkitError)) throw error;
    throw new ObjectError("object/bad-elf", `${input.name}: ${error.message}`, error.hints, error);
  }
}

/** By merged section; symbols are those of the table. Instructions that refer to a whole section are changed here. */
function mergeRelocations(
  objects: readonly LinkObject[],
  layout: SectionLayout,
  table: SymbolTable,
): Map<number, NewRelocation[]> {
  const merged = new Map<number, NewRelocation[]>();
  objects.forEach((object, at) => {
    for (const [index, relocations] of object.relocations) {
      const target = object.sections.get(index)!;
      const placement = layout.placements[at]!.get(index);
      if (!placement) continue;
      const entries = merged.get(placement.merged) ?? [];
      merged.set(placement.merged, entries);
      const { bytes } = layout.merged[placement.merged]!;
      for (const relocation of relocations) {
        const symbol = table.indices[at]!.get(relocation.symbol);
        if (symbol === undefined)
          throw new ObjectError(
            "object/link",
            `A relocation of section ${target.name} of ${object.name} refers to a symbol that is not in the output`,
          );
        const offset = relocation.offset + placement.offset;
        moveAddend(object, target, relocation, layout.placements[at]!, bytes.subarray(offset));
        entries.push({ offset, symbol, type: relocation.type });
      }
    }
  });
  return merged;
}

const INSN_SIZE = 8;
const IMM_OFFSET = 4;

/** What a place in a section adds to its start: that start has moved with the section. */
function moveAddend(
  { symbols, name: file }: LinkObject,
  target: ElfSection,
  { symbol: index }: ElfRelocation,
  placements: ReadonlyMap<number, { readonly offset: number }>,
  place: Uint8Array,
): void {
  const symbol = symbols[index]!;
  if (symbol.type !== SymbolType.Section) return;
  if ((target.flags & SectionFlag.Execute) === 0)
    throw new ObjectError(
      "object/unsupported",
      `Section ${target.name} of ${file} refers to a place within a section by its section symbol`,
    );
  const moved = placements.get(symbol.section)!.offset;
  const view = new DataView(place.buffer, place.byteOffset, place.byteLength);
  const isCall = place[0] === (CLASS.JMP | JUMP.CALL);
  view.setInt32(IMM_OFFSET, view.getInt32(IMM_OFFSET, true) + (isCall ? moved / INSN_SIZE : moved), true);
}
