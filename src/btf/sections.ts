import { BtfError } from "./error.ts";
import { kindTable } from "./kind.ts";

/** The parts of a BTF blob, checked so far that each type's words lie within the type section. */
export interface BtfSections {
  /** The whole blob. */
  readonly bytes: Uint8Array;
  /** The type section, which is nothing but 32-bit words. */
  readonly words: Uint32Array;
  /** Index into `words` where each type starts. */
  readonly starts: Uint32Array;
  /** Empty, or ends in NUL. */
  readonly strings: Uint8Array;
}

const magic = 0xeb9f;
const headerSize = 24;
const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Splits a raw blob of either byte order; one pass over the types, nothing allocated per type. */
export function readSections(bytes: Uint8Array): BtfSections {
  if (bytes.length < headerSize)
    throw new BtfError("btf/not-btf", `${bytes.length} bytes are too few for BTF`, [
      "Give a raw BTF file, as /sys/kernel/btf/vmlinux is, or an ELF file with a .BTF section",
    ]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getUint16(0, true) === magic;
  if (!littleEndian && view.getUint16(0, false) !== magic)
    throw new BtfError("btf/not-btf", "The bytes do not start with BTF's magic number 0xeb9f", [
      "Give raw BTF, such as /sys/kernel/btf/vmlinux, or an ELF file with a .BTF section",
    ]);
  if (bytes[2] !== 1) throw new BtfError("btf/not-btf", `BTF version ${bytes[2]} is not known`);
  const word = (index: number): number => view.getUint32(index * 4, littleEndian);
  const headerLength = word(1);
  const section = (what: string, offset: number, size: number): Uint8Array => {
    if (headerLength < headerSize || headerLength + offset + size > bytes.length)
      throw new BtfError(
        "btf/truncated",
        `The BTF ${what} section ends behind the ${bytes.length} bytes there are`,
      );
    return bytes.subarray(headerLength + offset, headerLength + offset + size);
  };
  const types = section("type", word(2), word(3));
  const strings = section("string", word(4), word(5));
  if (strings.length > 0 && strings.at(-1) !== 0)
    throw new BtfError("btf/bad-string", "The BTF string section does not end in NUL");
  const words = toWords(types, littleEndian);
  return { bytes, words, starts: findStarts(words), strings };
}

/** A view where alignment and byte order allow it, else a copy. */
function toWords(bytes: Uint8Array, littleEndian: boolean): Uint32Array {
  const length = bytes.length >>> 2;
  if (bytes.length % 4 !== 0)
    throw new BtfError("btf/truncated", "The BTF type section is cut within a word");
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  if (littleEndian === hostIsLittleEndian) return new Uint32Array(aligned.buffer, aligned.byteOffset, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length }, (_, index) => view.getUint32(index * 4, littleEndian));
}

function findStarts(words: Uint32Array): Uint32Array {
  // By the info word's upper byte, whose first bit is the kind flag: words of the type itself, and of each item.
  const fixedWords = new Uint8Array(256);
  const itemWords = new Uint8Array(256);
  for (const [kind, { fixed, item }] of kindTable.entries())
    for (const byte of kind === 0 ? [] : [kind, kind | 0x80]) {
      fixedWords[byte] = 3 + fixed.length;
      itemWords[byte] = item.length;
    }
  const starts = new Uint32Array(Math.floor(words.length / 3));
  let count = 0;
  let at = 0;
  while (at + 3 <= words.length) {
    const info = words[at + 1]!;
    const fixed = fixedWords[info >>> 24]!;
    if (fixed === 0)
      throw new BtfError("btf/bad-kind", `BTF kind ${(info >>> 24) & 0x7f} is not known`, [
        "The BTF may come from a kernel newer than this version of bpfkit",
      ]);
    starts[count++] = at;
    at += fixed + itemWords[info >>> 24]! * (info & 0xff_ffff);
  }
  if (at !== words.length)
    throw new BtfError("btf/truncated", "The last type of the BTF type section is cut short");
  return starts.slice(0, count);
}
