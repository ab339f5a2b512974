import type { ElfFile, ElfSection, ElfSymbol } from "../elf/index.ts";
import { SectionType, SymbolType } from "../elf/index.ts";
import { ObjectError } from "./error.ts";
import type { MapSpec } from "./spec.ts";

// Before BTF a map was a struct bpf_map_def in section maps or maps/NAME: five numbers of 32 bits, and what its
// author put behind them. libbpf gave them up with version 1.0; objects with them are still about.

const FIELDS = 5;
const SMALLEST = FIELDS * 4;

export interface LegacyMap {
  readonly spec: MapSpec;
  readonly section: number;
  readonly offset: number;
  readonly size: number;
}

/** @throws ObjectError where a definition is cut off, or says more than can be understood */
export function legacyMaps(elf: ElfFile, symbols: readonly ElfSymbol[]): LegacyMap[] {
  return elf.sections
    .filter(({ name, type }) => /^maps(\/|$)/.test(name) && type === SectionType.Progbits)
    .flatMap((section) => mapsIn(section, elf.data(section), symbols));
}

function mapsIn(section: ElfSection, bytes: Uint8Array, symbols: readonly ElfSymbol[]): LegacyMap[] {
  const own = symbols
    .filter(
      ({ section: index, type, name }) =>
        index === section.index && type !== SymbolType.Section && name !== "",
    )
    .sort((a, b) => a.value - b.value);
  return own.map(({ name, value: offset }, index) => {
    const end = own[index + 1]?.value ?? section.size;
    if (offset + SMALLEST > end || end > bytes.length) throw bad(name, "it is too short");
    const definition = new DataView(bytes.buffer, bytes.byteOffset + offset, end - offset);
    for (let at = SMALLEST; at < definition.byteLength; at++)
      if (definition.getUint8(at) !== 0) throw bad(name, `byte ${at} is no field of struct bpf_map_def`);
    const number = (field: number): number => definition.getUint32(field * 4, true);
    const spec: MapSpec = {
      name,
      type: number(0),
      keySize: number(1),
      valueSize: number(2),
      maxEntries: number(3),
      flags: number(4),
    };
    return { spec, section: section.index, offset, size: end - offset };
  });
}

function bad(map: string, why: string): ObjectError {
  return new ObjectError(
    "object/bad-elf",
    `The definition of map ${map} in section maps is not understood: ${why}`,
    ["Define it in section .maps, with __uint(type, ...) and __type(key, ...)"],
  );
}
