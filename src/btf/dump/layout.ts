import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfKind } from "../kind.ts";

const pointerSize = 8;
const maxDepth = 64;

/** Alignments as a C compiler would choose them, in bytes; 0 for types without size. */
export class Alignments {
  readonly #btf: Btf;
  /** One more than the alignment; 0 where it is not known yet. */
  readonly #known: Uint8Array;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#known = new Uint8Array(btf.typeCount);
  }

  of(id: number, depth = 0): number {
    const known = this.#known[id]!;
    if (known > 0) return known - 1;
    if (depth > maxDepth) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
    const alignment = this.#compute(id, depth);
    this.#known[id] = alignment + 1;
    return alignment;
  }

  /** A struct that a compiler would lay out otherwise unless told to pack it. */
  isPacked(id: number): boolean {
    const btf = this.#btf;
    let largest = 1;
    for (let index = 0, count = btf.vlen(id); index < count; index++) {
      const alignment = this.of(btf.memberType(id, index));
      if (misaligned(btf, id, index, alignment)) return true;
      largest = Math.max(largest, alignment);
    }
    return btf.size(id) % largest !== 0;
  }

  #compute(id: number, depth: number): number {
    const btf = this.#btf;
    switch (btf.kind(id)) {
      case BtfKind.Int:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
        return Math.min(pointerSize, btf.size(id));
      case BtfKind.Ptr:
        return pointerSize;
      case BtfKind.Typedef:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.of(btf.target(id), depth + 1);
      case BtfKind.Array:
        return this.of(btf.array(id).element, depth + 1);
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#ofComposite(id, depth);
      default:
        return 0;
    }
  }

  #ofComposite(id: number, depth: number): number {
    const btf = this.#btf;
    let largest = 1;
    for (let index = 0, count = btf.vlen(id); index < count; index++) {
      const alignment = this.of(btf.memberType(id, index), depth + 1);
      if (alignment === 0) return 0;
      largest = Math.max(largest, alignment);
      if (misaligned(btf, id, index, alignment)) return 1;
    }
    return btf.size(id) % largest === 0 ? largest : 1;
  }
}

function misaligned(btf: Btf, id: number, index: number, alignment: number): boolean {
  if (alignment === 0 || btf.memberBitSize(id, index) > 0) return false;
  return btf.memberBitOffset(id, index) % (8 * alignment) !== 0;
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
