import { SectionType } from "./constants.ts";
import type { ElfFile } from "./file.ts";

/** Bit of a .gnu.version entry: not the default version, so that the linker never picks it by the bare name. */
const HIDDEN = 0x8000;

export interface SymbolVersion {
  readonly name: string;
  readonly isDefault: boolean;
}

/**
 * Versions that a library gives its own dynamic symbols (.gnu.version and .gnu.version_d), by the symbol's
 * index in .dynsym; symbols without one, and those of other libraries, are missing.
 * @throws ElfError where the tables do not hold together
 */
export function symbolVersions(elf: ElfFile): ReadonlyMap<number, SymbolVersion> {
  const indices = elf.sections.find(({ type }) => type === SectionType.GnuVersym);
  const definitions = elf.sections.find(({ type }) => type === SectionType.GnuVerdef);
  const versions = new Map<number, SymbolVersion>();
  if (!indices || !definitions) return versions;
  const names = definitionNames(elf, definitions.index);
  elf.guard("Symbol versions", () => {
    const reader = elf.reader(indices);
    for (let symbol = 0; symbol * 2 + 2 <= reader.length; symbol++) {
      const entry = reader.u16(symbol * 2);
      const name = names.get(entry & ~HIDDEN);
      if (name !== undefined) versions.set(symbol, { name, isDefault: (entry & HIDDEN) === 0 });
    }
  });
  return versions;
}

/** Elf64_Verdef: u16 vd_version, vd_flags, vd_ndx, vd_cnt; u32 vd_hash, vd_aux, vd_next; see elf(5) and the LSB. */
function definitionNames(elf: ElfFile, index: number): Map<number, string> {
  const section = elf.sections[index]!;
  return elf.guard("Symbol version definitions", () => {
    const reader = elf.reader(section);
    const strings = elf.sections[section.link];
    const text = strings && elf.reader(strings);
    const names = new Map<number, string>();
    const isBase = 1;
    for (let at = 0; at + 20 <= reader.length;) {
      const number = reader.u16(at + 4);
      const next = reader.u32(at + 16);
      // The base definition names the library itself.
      if ((reader.u16(at + 2) & isBase) === 0 && text)
        names.set(number, text.cstring(reader.u32(at + reader.u32(at + 12))));
      if (next === 0) break;
      at += next;
    }
    return names;
  });
}
