import { ByteReader, ByteWriter, OutOfBoundsError } from "../util/index.ts";
import type { Btf } from "./btf.ts";
import type { BtfBuilder } from "./builder.ts";
import { BtfError } from "./error.ts";

/** What .BTF.ext says about one program section; offsets are bytes from the section's start. */
export interface BtfExtSection {
  readonly functions: readonly BtfExtFunction[];
  readonly lines: readonly BtfExtLine[];
  readonly relocations: readonly BtfExtRelocation[];
}

export interface BtfExtFunction {
  readonly offset: number;
  /** FUNC. */
  readonly typeId: number;
}

export interface BtfExtLine {
  readonly offset: number;
  readonly file: string;
  /** The source line's text. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** struct bpf_core_relo. */
export interface BtfExtRelocation {
  readonly offset: number;
  readonly typeId: number;
  readonly access: string;
  /** CoreKind number. */
  readonly kind: number;
}

const magic = 0xeb9f;
const headerSize = 32;

/** Reads a .BTF.ext section; its strings are those of `btf`. Keys are section names. */
export function decodeBtfExt(bytes: Uint8Array, btf: Btf): Map<string, BtfExtSection> {
  const littleEndian = bytes[0] === 0x9f;
  const reader = new ByteReader(bytes, littleEndian);
  try {
    if (reader.u16(0) !== magic)
      throw new BtfError("btf/bad-ext", "The .BTF.ext section has another magic number");
    const header = reader.u32(4);
    const sections = new Map<string, MutableSection>();
    const table = (field: number, read: (at: number, section: MutableSection) => void): void => {
      if (field + 8 > header) return;
      readTable(reader, btf, header + reader.u32(field), reader.u32(field + 4), sections, read);
    };
    table(8, (at, { functions }) => functions.push({ offset: reader.u32(at), typeId: reader.u32(at + 4) }));
    table(16, (at, { lines }) => {
      const place = reader.u32(at + 12);
      lines.push({
        offset: reader.u32(at),
        file: btf.string(reader.u32(at + 4)),
        text: btf.string(reader.u32(at + 8)),
        line: place >>> 10,
        column: place & 0x3ff,
      });
    });
    table(24, (at, { relocations }) =>
      relocations.push({
        offset: reader.u32(at),
        typeId: reader.u32(at + 4),
        access: btf.string(reader.u32(at + 8)),
        kind: reader.u32(at + 12),
      }),
    );
    return sections;
  } catch (error) {
    if (!(error instanceof OutOfBoundsError)) throw error;
    throw new BtfError("btf/bad-ext", `The .BTF.ext section is cut short: ${error.message}`);
  }
}

interface MutableSection {
  readonly functions: BtfExtFunction[];
  readonly lines: BtfExtLine[];
  readonly relocations: BtfExtRelocation[];
}

/** Record size, then for each section its name, the count and the records. */
function readTable(
  reader: ByteReader,
  btf: Btf,
  start: number,
  size: number,
  sections: Map<string, MutableSection>,
  read: (at: number, section: MutableSection) => void,
): void {
  if (size === 0) return;
  const recordSize = reader.u32(start);
  // Readers of longer records take the fields they know.
  if (recordSize < 8)
    throw new BtfError("btf/bad-ext", `Records of ${recordSize} bytes in .BTF.ext are too short`);
  for (let at = start + 4; at < start + size;) {
    const name = btf.string(reader.u32(at));
    const count = reader.u32(at + 4);
    at += 8;
    reader.slice(at, count * recordSize);
    let section = sections.get(name);
    if (!section) sections.set(name, (section = { functions: [], lines: [], relocations: [] }));
    for (let index = 0; index < count; index++, at += recordSize) read(at, section);
  }
}

/** Writes a .BTF.ext section; its strings are added to `builder`, which is to be encoded afterwards. */
export function encodeBtfExt(
  sections: ReadonlyMap<string, BtfExtSection>,
  builder: BtfBuilder,
): Uint8Array<ArrayBuffer> {
  const functions = encodeTable(sections, builder, 8, (section, out) => {
    for (const { offset, typeId } of section.functions) out.u32(offset).u32(typeId);
    return section.functions.length;
  });
  const lines = encodeTable(sections, builder, 16, (section, out) => {
    for (const { offset, file, text, line, column } of section.lines)
      out
        .u32(offset)
        .u32(builder.string(file))
        .u32(builder.string(text))
        .u32((line << 10) | Math.min(column, 0x3ff));
    return section.lines.length;
  });
  const relocations = encodeTable(sections, builder, 16, (section, out) => {
    for (const { offset, typeId, access, kind } of section.relocations)
      out.u32(offset).u32(typeId).u32(builder.string(access)).u32(kind);
    return section.relocations.length;
  });
  const out = new ByteWriter().u16(magic).u8(1).u8(0).u32(headerSize);
  let offset = 0;
  for (const part of [functions, lines, relocations]) {
    out.u32(offset).u32(part.length);
    offset += part.length;
  }
  return out.raw(functions).raw(lines).raw(relocations).finish();
}

function encodeTable(
  sections: ReadonlyMap<string, BtfExtSection>,
  builder: BtfBuilder,
  recordSize: number,
  write: (section: BtfExtSection, out: ByteWriter) => number,
): Uint8Array {
  const out = new ByteWriter().u32(recordSize);
  for (const [name, section] of sections) {
    const records = new ByteWriter();
    const count = write(section, records);
    if (count > 0) out.u32(builder.string(name)).u32(count).raw(records.finish());
  }
  return out.length > 4 ? out.finish() : new Uint8Array(0);
}
