import { BtfError } from "../error.ts";
import { BtfKind } from "../kind.ts";
import { elementOf, HEAD, kindFlagOf, lengthOf, targetOf, vlenOf } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

const pointerSize = 8;
const maxDepth = 64;
const maxSize = 0xffff_ffff;

/** Sizes and alignments as a C compiler would choose them. */
export class Layout {
  readonly #table: TypeTable;
  /** One more than the alignment; 0 where it is not known yet. */
  readonly #alignments: Uint8Array;
  /** One more than the size in bytes; 0 where it is not known yet. */
  readonly #sizes: Uint32Array;

  constructor(table: TypeTable) {
    this.#table = table;
    this.#alignments = new Uint8Array(table.count);
    this.#sizes = new Uint32Array(table.count);
  }

  /** Bytes; 0 for types without size. */
  alignment(id: number, depth = 0): number {
    const known = this.#alignments[id]!;
    if (known > 0) return known - 1;
    if (depth > maxDepth) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
    const alignment = this.#align(id, depth);
    this.#alignments[id] = alignment + 1;
    return alignment;
  }

  /** Bits; 0 for incomplete types, which take no room. */
  bits(id: number): number {
    const known = this.#sizes[id]!;
    if (known > 0) return (known - 1) * 8;
    const bytes = this.#measure(id);
    this.#sizes[id] = bytes + 1;
    return bytes * 8;
  }

  #measure(start: number): number {
    const { kinds, words, starts } = this.#table;
    let count = 1;
    let id = start;
    for (let depth = 0; depth < maxDepth * 2; depth++) {
      switch (kinds[id]) {
        case BtfKind.Int:
        case BtfKind.Struct:
        case BtfKind.Union:
        case BtfKind.Enum:
        case BtfKind.Enum64:
        case BtfKind.Float: {
          const bytes = count * words[starts[id]! + 2]!;
          if (bytes > maxSize) throw new BtfError("btf/too-large", `BTF type ${start} is larger than 4 GiB`);
          return bytes;
        }
        case BtfKind.Ptr:
          return count * pointerSize;
        case BtfKind.Array:
          count *= lengthOf(this.#table, id);
          id = elementOf(this.#table, id);
          break;
        case BtfKind.Typedef:
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
        case BtfKind.TypeTag:
          id = targetOf(this.#table, id);
          break;
        default:
          return 0;
      }
    }
    throw new BtfError("btf/loop", `BTF type ${start} leads to no end`);
  }

  /** A struct that a compiler would lay out otherwise unless told to pack it. */
  isPacked(id: number): boolean {
    const table = this.#table;
    const { words, starts } = table;
    const flagged = kindFlagOf(table, id);
    let largest = 1;
    let at = starts[id]! + HEAD;
    for (let index = 0, count = vlenOf(table, id); index < count; index++, at += 3) {
      const alignment = this.alignment(words[at + 1]!);
      if (misaligned(words[at + 2]!, flagged, alignment)) return true;
      if (alignment > largest) largest = alignment;
    }
    return words[starts[id]! + 2]! % largest !== 0;
  }

  #align(id: number, depth: number): number {
    const table = this.#table;
    switch (table.kinds[id]) {
      case BtfKind.Int:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
        return Math.min(pointerSize, table.words[table.starts[id]! + 2]!);
      case BtfKind.Ptr:
        return pointerSize;
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.alignment(targetOf(table, id), depth + 1);
      case BtfKind.Array:
        return this.alignment(elementOf(table, id), depth + 1);
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#alignComposite(id, depth);
      default:
        return 0;
    }
  }

  #alignComposite(id: number, depth: number): number {
    const table = this.#table;
    const { words, starts } = table;
    const flagged = kindFlagOf(table, id);
    let largest = 1;
    let at = starts[id]! + HEAD;
    for (let index = 0, count = vlenOf(table, id); index < count; index++, at += 3) {
      const alignment = this.alignment(words[at + 1]!, depth + 1);
      if (alignment === 0) return 0;
      if (alignment > largest) largest = alignment;
      if (misaligned(words[at + 2]!, flagged, alignment)) return 1;
    }
    return words[starts[id]! + 2]! % largest === 0 ? largest : 1;
  }
}

/** `place`: a member's bit offset; in flagged structs with a bitfield's width in the upper byte. */
function misaligned(place: number, flagged: boolean, alignment: number): boolean {
  if (alignment === 0 || (flagged && place >>> 24 > 0)) return false;
  return (flagged ? place & 0xff_ffff : place) % (8 * alignment) !== 0;
}

const pads = [
  { type: "long", bits: 64 },
  { type: "int", bits: 32 },
  { type: "short", bits: 16 },
  { type: "char", bits: 8 },
] as const;

const none: readonly string[] = [];

/** More gap than this is no struct that a compiler made. */
const maxPads = 1 << 16;

/**
 * Unnamed bitfields that fill the gap [from, to) in bits, as `long: 64`. What the compiler pads by itself for
 * a next member of `alignment` bytes is left out.
 */
export function padding(from: number, to: number, alignment: number, inBitfield: boolean): readonly string[] {
  if (from >= to) return none;
  const lines: string[] = [];
  const pad = pads.find(({ bits }) => roundUp(from, bits) <= to) ?? pads[3];
  let at = from;
  const boundary = roundUp(from, pad.bits);
  if (boundary > from && boundary <= to) {
    const unforced = boundary === to && roundUp(from, alignment * 8) !== boundary;
    const swallowed = boundary !== to && to - boundary <= boundary - from;
    if (inBitfield || unforced || swallowed) lines.push(`${pad.type}: ${inBitfield ? boundary - from : 0}`);
    at = boundary;
  }
  if ((to - at) / pad.bits > maxPads) throw new BtfError("btf/too-large", "A struct is padded without end");
  for (; to - at >= pad.bits; at += pad.bits) lines.push(`${pad.type}: ${pad.bits}`);
  const rest = to - at;
  if (rest > 0) lines.push(`${pads.findLast(({ bits }) => bits >= rest)!.type}: ${rest}`);
  return lines;
}

function roundUp(value: number, unit: number): number {
  return unit > 0 ? Math.ceil(value / unit) * unit : value;
}
