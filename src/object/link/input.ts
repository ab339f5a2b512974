import { type Btf, type BtfExtSection, decodeBtfExt, parseBtf } from "../../btf/index.ts";
import {
  ElfFile,
  ElfMachine,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  ElfType,
  SectionFlag,
  SectionType,
} from "../../elf/index.ts";
import { ObjectError } from "../error.ts";

/** An object file that is to be linked with others. */
export interface LinkInput {
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a link takes of one object. */
export interface LinkObject {
  readonly name: string;
  readonly elf: ElfFile;
  /** Code and data, by section index. */
  readonly sections: ReadonlyMap<number, ElfSection>;
  /** With the null symbol, so that indices are those of relocations. */
  readonly symbols: readonly ElfSymbol[];
  /** By the index of the section that they apply to. */
  readonly relocations: ReadonlyMap<number, readonly ElfRelocation[]>;
  readonly btf: Btf | undefined;
  readonly ext: ReadonlyMap<string, BtfExtSection>;
}

const ADDRESS_SIGNIFICANCE = 0x6fff_4c03;
const INSN_SIZE = 8;

/** @throws ObjectError, ElfError, BtfError where the file is no BPF object or does not hold together */
export function readLinkObject({ name, bytes }: LinkInput): LinkObject {
  const elf = new ElfFile(bytes);
  if (elf.machine !== ElfMachine.Bpf || elf.type !== ElfType.Relocatable || !elf.is64)
    throw new ObjectError("object/bad-elf", `${name} is no BPF object file`, [
      "Compile with clang -target bpf -c",
    ]);
  if (!elf.littleEndian)
    throw new ObjectError(
      "object/unsupported",
      `${name} is big-endian, and only little-endian objects are linked`,
    );
  const tables = elf.sections.filter(({ type }) => type === SectionType.Symtab);
  if (tables.length !== 1)
    throw new ObjectError("object/bad-elf", `${name} has ${tables.length} symbol tables, and one is wanted`);
  const types = elf.section(".BTF");
  const btf = types && parseBtf(elf.data(types));
  const ext = elf.section(".BTF.ext");
  const sections = new Map(
    elf.sections.filter((section) => isLinked(section, name)).map((section) => [section.index, section]),
  );
  for (const section of sections.values()) checkSection(elf, section, name);
  return {
    name,
    elf,
    sections,
    symbols: elf.symbols(tables[0]!),
    relocations: readRelocations(elf, sections, name),
    btf,
    ext: ext && btf ? decodeBtfExt(elf.data(ext), btf) : new Map(),
  };
}

/** Code and data go into the output; tables are written anew, and debug information is left behind. */
function isLinked({ index, name, type, size }: ElfSection, file: string): boolean {
  if (index === 0 || type === SectionType.Null) return false;
  if (name.startsWith(".debug_") || name === ".BTF" || name === ".BTF.ext") return false;
  switch (type) {
    case SectionType.Strtab:
    case SectionType.Symtab:
    case SectionType.Rel:
    case ADDRESS_SIGNIFICANCE:
      return false;
    case SectionType.Progbits:
      return size > 0 || name !== ".text";
    case SectionType.Nobits:
      return true;
    default:
      throw new ObjectError("object/bad-elf", `Section ${name} of ${file} has the unknown type ${type}`);
  }
}

/** Sizes of sections without bytes come from the file too, so they are bounded. */
const MAX_SIZE = 0x1000_0000;

function checkSection(elf: ElfFile, section: ElfSection, file: string): void {
  const { name, alignment, size, flags } = section;
  const bad = (what: string): ObjectError =>
    new ObjectError("object/bad-elf", `Section ${name} of ${file} ${what}`);
  if (name === "") throw new ObjectError("object/bad-elf", `A section of ${file} has no name`);
  if (alignment > 0 && (!Number.isInteger(Math.log2(alignment)) || alignment > MAX_SIZE))
    throw bad(`is aligned to ${alignment}, no power of two`);
  if (size > MAX_SIZE) throw bad("is too large");
  if ((flags & SectionFlag.Execute) !== 0 && size % INSN_SIZE !== 0) throw bad("holds half an instruction");
  elf.data(section);
}

function readRelocations(
  elf: ElfFile,
  sections: ReadonlyMap<number, ElfSection>,
  file: string,
): Map<number, readonly ElfRelocation[]> {
  const tables = new Map<number, readonly ElfRelocation[]>();
  for (const table of elf.sections) {
    const target = sections.get(table.info);
    if (table.type !== SectionType.Rel || !target) continue;
    const relocations = elf.relocations(table);
    const width = (target.flags & SectionFlag.Execute) === 0 ? 1 : INSN_SIZE;
    for (const { offset } of relocations)
      if (offset % width !== 0 || offset + INSN_SIZE > target.size)
        throw new ObjectError(
          "object/bad-elf",
          `A relocation of section ${target.name} of ${file} lies outside of it`,
        );
    tables.set(table.info, [...(tables.get(table.info) ?? []), ...relocations]);
  }
  return tables;
}
