import { alignUp, ByteReader, decodeFixedString, decodeUtf8, OutOfBoundsError } from "../util/index.ts";
import { SectionIndex, SectionType, SegmentType } from "./constants.ts";
import { ElfError } from "./error.ts";

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SectionType number. */
  readonly type: number;
  /** SectionFlag bits. */
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfSymbol {
  readonly name: string;
  /** Address in linked files, offset within the section in relocatable ones. */
  readonly value: number;
  readonly size: number;
  /** SymbolType number. */
  readonly type: number;
  /** SymbolBinding number. */
  readonly binding: number;
  readonly visibility: number;
  /** Index of the section it is defined in, or a SectionIndex. */
  readonly section: number;
}

export interface ElfRelocation {
  readonly offset: number;
  /** Index into the symbol table. */
  readonly symbol: number;
  readonly type: number;
  /** 0 in REL sections, where the addend lies in the section's bytes. */
  readonly addend: number;
}

export interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

/**
 * An ELF file of either class and byte order, read on demand. The bytes may be hostile: every method
 * throws {@link ElfError} on what does not hold together.
 */
export class ElfFile {
  readonly bytes: Uint8Array;
  /** Pointers of 8 bytes. */
  readonly is64: boolean;
  readonly littleEndian: boolean;
  readonly type: number;
  readonly machine: number;
  readonly entry: number;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  readonly #reader: ByteReader;

  constructor(bytes: Uint8Array) {
    if (!isElf(bytes)) throw new ElfError("elf/not-elf", "The bytes do not start with ELF's magic number");
    const [fileClass, order] = [bytes[4], bytes[5]];
    if ((fileClass !== 1 && fileClass !== 2) || (order !== 1 && order !== 2))
      throw new ElfError("elf/unsupported", `ELF class ${fileClass} or byte order ${order} is not known`);
    this.bytes = bytes;
    this.is64 = fileClass === 2;
    this.littleEndian = order === 1;
    this.#reader = new ByteReader(bytes, this.littleEndian);
    try {
      this.type = this.#reader.u16(16);
      this.machine = this.#reader.u16(18);
      this.entry = this.#word(24);
      this.segments = this.#readSegments();
      this.sections = this.#readSections();
    } catch (error) {
      throw asElfError(error, "The ELF headers");
    }
  }

  /** The first section of that name. */
  section(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /** The section's bytes in the file, as a view; empty for NOBITS. */
  data(section: ElfSection): Uint8Array {
    if (section.type === SectionType.Nobits) return new Uint8Array(0);
    return this.guard(`Section ${section.name}`, () => this.#reader.slice(section.offset, section.size));
  }

  /** Reader over a section's bytes, in the file's byte order. */
  reader(section: ElfSection): ByteReader {
    return new ByteReader(this.data(section), this.littleEndian);
  }

  /** All symbols of a SYMTAB or DYNSYM section, the null symbol first, so that indices are those of relocations. */
  symbols(table: ElfSection): ElfSymbol[] {
    return this.guard(`Symbol table ${table.name}`, () => {
      const reader = this.reader(table);
      const strings = this.#strings(table.link);
      const entrySize = this.is64 ? 24 : 16;
      const count = Math.floor(reader.length / entrySize);
      const extended = this.#extendedIndices(table.index);
      return Array.from({ length: count }, (_, index) => {
        const symbol = this.#symbol(reader, index * entrySize, strings);
        if (symbol.section !== SectionIndex.Extended || !extended) return symbol;
        return { ...symbol, section: extended.u32(index * 4) };
      });
    });
  }

  /** Entries of a REL or RELA section; `section.info` is the section they apply to. */
  relocations(section: ElfSection): ElfRelocation[] {
    return this.guard(`Relocations ${section.name}`, () => {
      const reader = this.reader(section);
      const withAddend = section.type === SectionType.Rela;
      const word = this.is64 ? 8 : 4;
      const entrySize = word * (withAddend ? 3 : 2);
      return Array.from({ length: Math.floor(reader.length / entrySize) }, (_, index) => {
        const at = index * entrySize;
        const info = this.is64 ? reader.u64(at + 8) : BigInt(reader.u32(at + 4));
        const split = this.is64 ? 32n : 8n;
        const addend = withAddend ? (this.is64 ? reader.i64(at + 16) : reader.i32(at + 8)) : 0;
        return {
          offset: this.is64 ? reader.size64(at) : reader.u32(at),
          symbol: Number(info >> split),
          type: Number(BigInt.asUintN(Number(split), info)),
          addend: Number(addend),
        };
      });
    });
  }

  /** Notes of NOTE sections and, in files stripped of sections, of NOTE segments. */
  notes(): ElfNote[] {
    const areas = this.sections.filter((section) => section.type === SectionType.Note);
    if (areas.length > 0) return areas.flatMap((area) => this.notesOf(this.data(area), area.alignment));
    return this.segments
      .filter((segment) => segment.type === SegmentType.Note)
      .flatMap((segment) => {
        const bytes = this.guard("A NOTE segment", () =>
          this.#reader.slice(segment.offset, segment.fileSize),
        );
        return this.notesOf(bytes, segment.alignment);
      });
  }

  notesOf(bytes: Uint8Array, alignment: number): ElfNote[] {
    return this.guard("ELF notes", () => {
      const reader = new ByteReader(bytes, this.littleEndian);
      const padding = alignment === 8 ? 8 : 4;
      const notes: ElfNote[] = [];
      for (let at = 0; at + 12 <= reader.length;) {
        const ownerSize = reader.u32(at);
        const descriptionSize = reader.u32(at + 4);
        const description = alignUp(at + 12 + ownerSize, padding);
        notes.push({
          owner: decodeFixedString(reader.slice(at + 12, ownerSize)),
          type: reader.u32(at + 8),
          description: reader.slice(description, descriptionSize),
        });
        at = alignUp(description + descriptionSize, padding);
      }
      return notes;
    });
  }

  /** The GNU build id in hex, if the linker left one. */
  buildId(): string | undefined {
    const note = this.notes().find(({ owner, type }) => owner === "GNU" && type === 3);
    return note && Buffer.from(note.description).toString("hex");
  }

  /** Offset in the file of the byte loaded at `address`; undefined when no LOAD segment has it. */
  fileOffset(address: number): number | undefined {
    const segment = this.segments.find(
      ({ type, address: start, fileSize }) =>
        type === SegmentType.Load && address >= start && address < start + fileSize,
    );
    return segment && address - segment.address + segment.offset;
  }

  /** The inverse of {@link fileOffset}. */
  addressOf(fileOffset: number): number | undefined {
    const segment = this.segments.find(
      ({ type, offset, fileSize }) =>
        type === SegmentType.Load && fileOffset >= offset && fileOffset < offset + fileSize,
    );
    return segment && fileOffset - segment.offset + segment.address;
  }

  #symbol(reader: ByteReader, at: number, strings: Uint8Array): ElfSymbol {
    const name = stringAt(strings, reader.u32(at));
    const [info, other, section] = this.is64 ? [at + 4, at + 5, at + 6] : [at + 12, at + 13, at + 14];
    return {
      name,
      value: this.is64 ? clampedSize(reader.u64(at + 8)) : reader.u32(at + 4),
      size: this.is64 ? clampedSize(reader.u64(at + 16)) : reader.u32(at + 8),
      type: reader.u8(info) & 0xf,
      binding: reader.u8(info) >>> 4,
      visibility: reader.u8(other) & 3,
      section: reader.u16(section),
    };
  }

  #extendedIndices(table: number): ByteReader | undefined {
    const symtabShndx = 18;
    const section = this.sections.find(({ type, link }) => type === symtabShndx && link === table);
    return section && this.reader(section);
  }

  #strings(index: number): Uint8Array {
    const section = this.sections[index];
    if (!section) throw new ElfError("elf/bad-index", `ELF section index ${index} does not exist`);
    return this.data(section);
  }

  /** A pointer-sized header field. */
  #word(offset: number): number {
    return this.is64 ? clampedSize(this.#reader.u64(offset)) : this.#reader.u32(offset);
  }

  #readSegments(): ElfSegment[] {
    const reader = this.#reader;
    const [table, entrySize, count] = this.is64
      ? [this.#word(32), reader.u16(54), reader.u16(56)]
      : [this.#word(28), reader.u16(42), reader.u16(44)];
    return Array.from({ length: count }, (_, index) => {
      const at = table + index * entrySize;
      return this.is64
        ? {
            type: reader.u32(at),
            flags: reader.u32(at + 4),
            offset: this.#word(at + 8),
            address: this.#word(at + 16),
            fileSize: this.#word(at + 32),
            memorySize: this.#word(at + 40),
            alignment: this.#word(at + 48),
          }
        : {
            type: reader.u32(at),
            offset: reader.u32(at + 4),
            address: reader.u32(at + 8),
            fileSize: reader.u32(at + 16),
            memorySize: reader.u32(at + 20),
            flags: reader.u32(at + 24),
            alignment: reader.u32(at + 28),
          };
    });
  }

  #readSections(): ElfSection[] {
    const reader = this.#reader;
    const [table, fields] = this.is64 ? [this.#word(40), 58] : [this.#word(32), 46];
    if (table === 0) return [];
    const entrySize = reader.u16(fields);
    if (entrySize < (this.is64 ? 64 : 40))
      throw new ElfError("elf/bad-section", `ELF section headers of ${entrySize} bytes are too small`);
    const first = this.#sectionHeader(table, 0);
    // Counts that do not fit 16 bits are kept in the null section, see elf(5).
    const count = reader.u16(fields + 2) || first.size;
    const names = reader.u16(fields + 4) === SectionIndex.Extended ? first.link : reader.u16(fields + 4);
    if (table + count * entrySize > reader.length)
      throw new ElfError(
        "elf/truncated",
        `The ELF section headers end behind the ${reader.length} bytes there are`,
      );
    const headers = Array.from({ length: count }, (_, index) =>
      this.#sectionHeader(table + index * entrySize, index),
    );
    const nameTable = headers[names];
    if (!nameTable || names === 0) return headers;
    const strings = reader.slice(nameTable.offset, nameTable.size);
    return headers.map((header) => ({ ...header, name: stringAt(strings, header.nameOffset) }));
  }

  #sectionHeader(at: number, index: number): ElfSection & { readonly nameOffset: number } {
    const reader = this.#reader;
    const word = this.is64 ? 8 : 4;
    const tail = at + 8 + 4 * word;
    return {
      index,
      name: "",
      nameOffset: reader.u32(at),
      type: reader.u32(at + 4),
      flags: this.#word(at + 8),
      address: this.#word(at + 8 + word),
      offset: this.#word(at + 8 + 2 * word),
      size: this.#word(at + 8 + 3 * word),
      link: reader.u32(tail),
      info: reader.u32(tail + 4),
      alignment: this.#word(tail + 8),
      entrySize: this.#word(tail + 8 + word),
    };
  }

  /** Runs a read of `what` whose bounds the file's own numbers give: what lies outside becomes an {@link ElfError}. */
  guard<T>(what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw asElfError(error, what);
    }
  }
}

export function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 52 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
  );
}

/** Values of 2^53 and more (kernel addresses, absolute symbols) lose low bits: no file is that large. */
function clampedSize(value: bigint): number {
  return Number(value);
}

function stringAt(strings: Uint8Array, offset: number): string {
  const end = strings.indexOf(0, offset);
  if (offset > strings.length || end < 0) return "";
  return decodeUtf8(strings, offset, end);
}

function asElfError(error: unknown, what: string): unknown {
  if (!(error instanceof OutOfBoundsError)) return error;
  return new ElfError("elf/truncated", `${what} lie outside of the file: ${error.message}`, error);
}
