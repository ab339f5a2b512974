import { ByteWriter } from "../util/index.ts";
import { ElfType, SectionIndex, SectionType, SymbolBinding } from "./constants.ts";
import type { ElfSymbol } from "./file.ts";

export interface NewSection {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly bytes: Uint8Array;
  readonly alignment?: number;
  readonly entrySize?: number;
}

export interface NewRelocation {
  readonly offset: number;
  /** Number that {@link ElfBuilder.symbol} gave. */
  readonly symbol: number;
  readonly type: number;
}

const headerSize = 64;
const sectionHeaderSize = 64;
const symbolSize = 24;

interface PlacedSection extends NewSection {
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
}

/** Writes a relocatable 64-bit little-endian ELF file. */
export class ElfBuilder {
  readonly #machine: number;
  readonly #sections: NewSection[] = [];
  readonly #relocations = new Map<number, readonly NewRelocation[]>();
  readonly #symbols: ElfSymbol[] = [];

  constructor(machine: number) {
    this.#machine = machine;
  }

  /** Gives the section's index. */
  section(section: NewSection): number {
    return this.#sections.push(section);
  }

  /** Gives a number for relocations to name the symbol by; its place in the file is found at the end. */
  symbol(symbol: ElfSymbol): number {
    return this.#symbols.push(symbol) - 1;
  }

  /** REL entries that apply to the section of that index. */
  relocations(section: number, relocations: readonly NewRelocation[]): void {
    if (relocations.length > 0) this.#relocations.set(section, relocations);
  }

  finish(): Uint8Array<ArrayBuffer> {
    const strings = new StringTable();
    // Local symbols come first, and sh_info tells where they end.
    const order = this.#symbols.map((_, index) => index);
    const isLocal = (index: number): boolean => this.#symbols[index]!.binding === SymbolBinding.Local;
    const sorted = [...order.filter(isLocal), ...order.filter((index) => !isLocal(index))];
    const placeOf = new Map(sorted.map((index, place) => [index, place + 1]));
    const symtabIndex = this.#sections.length + this.#relocations.size + 1;
    const placed: PlacedSection[] = this.#sections.map((section) => ({
      ...section,
      link: 0,
      info: 0,
      entrySize: section.entrySize ?? 0,
    }));
    for (const [target, entries] of this.#relocations) {
      const bytes = new ByteWriter();
      for (const { offset, symbol, type } of entries) bytes.u64(offset).u32(type).u32(placeOf.get(symbol)!);
      placed.push({
        name: `.rel${this.#sections[target - 1]!.name}`,
        type: SectionType.Rel,
        bytes: bytes.finish(),
        alignment: 8,
        link: symtabIndex,
        info: target,
        entrySize: 16,
      });
    }
    const symbols = new ByteWriter().raw(new Uint8Array(symbolSize));
    for (const index of sorted) writeSymbol(symbols, this.#symbols[index]!, strings);
    placed.push({
      name: ".symtab",
      type: SectionType.Symtab,
      bytes: symbols.finish(),
      alignment: 8,
      link: symtabIndex + 1,
      info: order.filter(isLocal).length + 1,
      entrySize: symbolSize,
    });
    const names = [...placed.map(({ name }) => name), ".strtab"].map((name) => strings.add(name));
    placed.push({
      name: ".strtab",
      type: SectionType.Strtab,
      bytes: strings.bytes(),
      link: 0,
      info: 0,
      entrySize: 0,
    });
    return this.#layOut(placed, names);
  }

  #layOut(sections: readonly PlacedSection[], names: readonly number[]): Uint8Array<ArrayBuffer> {
    const body = new ByteWriter(4096).raw(new Uint8Array(headerSize));
    const offsets = sections.map(({ type, bytes, alignment = 1 }) => {
      const offset = body.align(alignment).length;
      if (type !== SectionType.Nobits) body.raw(bytes);
      return offset;
    });
    const table = body.align(8).length;
    body.raw(new Uint8Array(sectionHeaderSize));
    sections.forEach((section, index) => {
      body
        .u32(names[index]!)
        .u32(section.type)
        .u64(section.flags ?? 0)
        .u64(0);
      body.u64(offsets[index]!).u64(section.bytes.length).u32(section.link).u32(section.info);
      body.u64(section.alignment ?? 1).u64(section.entrySize);
    });
    const file = body.finish();
    file.set(this.#header(table, sections.length + 1));
    return file;
  }

  #header(table: number, count: number): Uint8Array {
    const header = new ByteWriter(headerSize).raw(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1)).align(16);
    header.u16(ElfType.Relocatable).u16(this.#machine).u32(1).u64(0).u64(0).u64(table).u32(0);
    return header
      .u16(headerSize)
      .u16(0)
      .u16(0)
      .u16(sectionHeaderSize)
      .u16(count)
      .u16(count - 1)
      .finish();
  }
}

function writeSymbol(out: ByteWriter, symbol: ElfSymbol, strings: StringTable): void {
  out.u32(strings.add(symbol.name));
  out.u8((symbol.binding << 4) | symbol.type).u8(symbol.visibility);
  out.u16(Math.min(symbol.section, SectionIndex.Extended)).u64(symbol.value).u64(symbol.size);
}

class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #out = new ByteWriter().u8(0);

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#out.length;
    this.#out.cstring(text);
    this.#offsets.set(text, offset);
    return offset;
  }

  bytes(): Uint8Array {
    return this.#out.finish();
  }
}
