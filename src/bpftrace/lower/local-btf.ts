import type { LocalType } from "./local-types.ts";

/** BTF_KIND_* of include/uapi/linux/btf.h, as far as local types need them. */
const KIND = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  function: 12,
  prototype: 13,
} as const;

const MAGIC = 0xeb9f;
const HEADER_SIZE = 24;
/** `info`: this record's member offsets carry bitfield widths. */
const KIND_FLAG = 1 << 31;
const INT_SIGNED = 1 << 24;
const INT_CHAR = 1 << 25;
const INT_BOOL = 1 << 26;
const FUNC_GLOBAL = 1;

/** The types as a BTF blob; ids are their places in the list, from 1. */
export function encodeBtf(types: readonly LocalType[]): Uint8Array {
  const strings = new StringTable();
  const words: number[] = [];
  for (const type of types) encodeType(type, strings, words);
  const text = strings.bytes();
  const blob = new Uint8Array(HEADER_SIZE + words.length * 4 + text.length);
  const view = new DataView(blob.buffer);
  view.setUint16(0, MAGIC, true);
  view.setUint8(2, 1);
  const header = [HEADER_SIZE, 0, words.length * 4, words.length * 4, text.length];
  header.forEach((word, index) => view.setUint32(4 + index * 4, word, true));
  words.forEach((word, index) => view.setUint32(HEADER_SIZE + index * 4, word >>> 0, true));
  blob.set(text, HEADER_SIZE + words.length * 4);
  return blob;
}

function encodeType(type: LocalType, strings: StringTable, words: number[]): void {
  const head = (kind: number, count: number, flag: boolean, name: string, sizeOrType: number): void => {
    words.push(strings.add(name), (kind << 24) | count | (flag ? KIND_FLAG : 0), sizeOrType);
  };
  switch (type.kind) {
    case "int": {
      head(KIND.int, 0, false, type.name, type.size);
      const encoding = type.bool ? INT_BOOL : type.signed ? INT_SIGNED : 0;
      words.push(encoding | (type.char && !type.signed ? INT_CHAR : 0) | (type.size * 8));
      return;
    }
    case "pointer":
      return head(KIND.pointer, 0, false, "", type.target);
    case "array":
      head(KIND.array, 0, false, "", 0);
      words.push(type.element, type.index, type.length);
      return;
    case "struct":
    case "union": {
      const bits = type.members.some((member) => member.bitWidth > 0);
      head(KIND[type.kind], type.members.length, bits, type.name, type.size);
      for (const member of type.members) {
        const offset = bits ? (member.bitWidth << 24) | member.bitOffset : member.bitOffset;
        words.push(strings.add(member.name), member.type, offset);
      }
      return;
    }
    case "enum":
      return head(KIND.enum, 0, type.signed, type.name, type.size);
    case "prototype":
      head(KIND.prototype, type.parameters.length, false, "", type.result);
      for (const { name, type: id } of type.parameters) words.push(strings.add(name), id);
      return;
    case "function":
      return head(
        KIND.function,
        type.linkage === "global" ? FUNC_GLOBAL : 0,
        false,
        type.name,
        type.prototype,
      );
  }
}

class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#size;
    const bytes = new TextEncoder().encode(`${text}\0`);
    this.#offsets.set(text, offset);
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return offset;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
