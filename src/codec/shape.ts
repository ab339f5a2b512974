import type { Btf } from "../btf/index.ts";
import { BtfIntEncoding, BtfKind, BtfLinkage } from "../btf/index.ts";
import { CodecError } from "./error.ts";

/**
 * What a C type is in JavaScript: the one description that decoders, encoders and the TypeScript types of
 * skeletons are made from. Sizes and offsets are in bytes unless they say bits.
 */
export type Shape =
  /** `number`. */
  | { readonly kind: "int"; readonly size: 1 | 2 | 4; readonly signed: boolean }
  /** `bigint`: 64 and 128 bits. */
  | { readonly kind: "bigint"; readonly size: 8 | 16; readonly signed: boolean }
  | { readonly kind: "boolean"; readonly size: 1 | 2 | 4 }
  | { readonly kind: "float"; readonly size: 4 | 8 }
  /** `number`, or `bigint` when it is 8 bytes. */
  | EnumShape
  /** `bigint`: an address. */
  | { readonly kind: "pointer"; readonly size: 8 }
  /** `string`: char[N], up to the first NUL. */
  | { readonly kind: "text"; readonly size: number }
  /** `Uint8Array`, a copy: arrays of unsigned bytes, and what has no other form. */
  | { readonly kind: "bytes"; readonly size: number }
  | ArrayShape
  | StructShape;

export interface EnumShape {
  readonly kind: "enum";
  /** "" for an anonymous enum. */
  readonly name: string;
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly enumerators: readonly { readonly name: string; readonly value: bigint }[];
}

export interface ArrayShape {
  readonly kind: "array";
  readonly size: number;
  readonly element: Shape;
  readonly length: number;
  /** Bytes from one element to the next, where that is more than an element. */
  readonly stride?: number;
}

/** A struct or union. Members of anonymous members are members of the whole, as in C. */
export interface StructShape {
  readonly kind: "struct" | "union";
  /** "" for an anonymous one that no typedef names. */
  readonly name: string;
  readonly size: number;
  readonly fields: readonly ShapeField[];
}

/**
 * A member of a struct or union.
 */
export interface ShapeField {
  readonly name: string;
  readonly offset: number;
  readonly shape: Shape;
  /** Of bitfields: bits from `offset` to the lowest bit, and width. */
  readonly bits?: { readonly offset: number; readonly width: number };
}

/** Types nest deeper, or have more parts, only in hostile BTF. */
const MAX_DEPTH = 64;
const MAX_FIELDS = 65_536;

/**
 * The shape of a type, typedefs and modifiers resolved.
 * @throws CodecError, BtfError for types that cannot be held by value
 *
 * @example
 * ```ts
 * import { compileCodec, parseBtf, shapeOf } from "bpfkit";
 * import { readFileSync } from "node:fs";
 *
 * const btf = parseBtf(readFileSync("/sys/kernel/btf/vmlinux"));
 * const timespec = compileCodec<{ tv_sec: bigint; tv_nsec: bigint }>(
 *   shapeOf(btf, btf.findByName("timespec64")!),
 *   "time",
 * );
 * console.log(timespec.size, timespec.read(timespec.write({ tv_sec: 1 })));
 * // prints 16 { tv_sec: 1n, tv_nsec: 0n }
 * ```
 */
export function shapeOf(btf: Btf, type: number): Shape {
  return new Shapes(btf).of(type);
}

/** Shapes of one BTF's types: equal types have the same shape. */
export class Shapes {
  readonly #reader: ShapeReader;
  readonly #btf: Btf;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#reader = new ShapeReader(btf);
  }

  /** @throws CodecError, BtfError for types that cannot be held by value */
  of(type: number): Shape {
    return this.#reader.shape(type, 0, "");
  }

  /**
   * The variables of a data section (.data, .rodata, .bss, .kconfig). Static ones are left out: several may have
   * one name.
   */
  section(type: number): ShapeField[] {
    const btf = this.#btf;
    return btf
      .sectionVariables(type)
      .filter(({ type: id }) => btf.kind(id) === BtfKind.Var && btf.linkage(id) !== BtfLinkage.Static)
      .map((variable) => ({
        name: btf.name(variable.type),
        offset: variable.offset,
        shape: this.of(btf.target(variable.type)),
      }));
  }
}

class ShapeReader {
  readonly #btf: Btf;
  readonly #known = new Map<number, Shape>();
  readonly #open = new Set<number>();
  #fields = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  shape(type: number, depth: number, typedef: string): Shape {
    const btf = this.#btf;
    const id = btf.resolve(type);
    const known = this.#known.get(id);
    if (known) return known;
    if (depth > MAX_DEPTH || this.#open.has(id))
      throw new CodecError("codec/bad-type", `BTF type ${type} contains itself`);
    this.#open.add(id);
    const shape = this.#make(id, depth, typedef || typedefName(btf, type));
    this.#open.delete(id);
    this.#known.set(id, shape);
    return shape;
  }

  #make(id: number, depth: number, typedef: string): Shape {
    const btf = this.#btf;
    const kind = btf.kind(id);
    switch (kind) {
      case BtfKind.Int:
        return this.#int(id);
      case BtfKind.Float: {
        const size = btf.size(id);
        return size === 4 || size === 8 ? { kind: "float", size } : { kind: "bytes", size };
      }
      case BtfKind.Ptr:
        return { kind: "pointer", size: 8 };
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return this.#enum(id, typedef);
      case BtfKind.Array:
        return this.#array(id, depth);
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#composite(id, kind === BtfKind.Struct ? "struct" : "union", depth, typedef);
      default:
        throw new CodecError("codec/bad-type", `BTF type ${id} (${btf.kindName(id)}) has no values`);
    }
  }

  #int(id: number): Shape {
    const { size, encoding } = this.#btf.int(id);
    const signed = (encoding & BtfIntEncoding.Signed) !== 0;
    if (size === 8 || size === 16) return { kind: "bigint", size, signed };
    if (size !== 1 && size !== 2 && size !== 4) return { kind: "bytes", size };
    return (encoding & BtfIntEncoding.Bool) !== 0 ? { kind: "boolean", size } : { kind: "int", size, signed };
  }

  #enum(id: number, typedef: string): Shape {
    const btf = this.#btf;
    const size = btf.size(id);
    if (size !== 1 && size !== 2 && size !== 4 && size !== 8) return { kind: "bytes", size };
    const enumerators = btf.enumerators(id);
    this.#count(enumerators.length);
    return { kind: "enum", name: btf.name(id) || typedef, size, signed: btf.kindFlag(id), enumerators };
  }

  #array(id: number, depth: number): Shape {
    const btf = this.#btf;
    const size = btf.size(id);
    const { element, length } = btf.array(id);
    const shape = this.shape(element, depth + 1, "");
    if (shape.kind === "int" && shape.size === 1) {
      if (isChar(btf, element)) return { kind: "text", size };
      if (!shape.signed) return { kind: "bytes", size };
    }
    // Elements without bytes, of which there could be billions, are none.
    return { kind: "array", size, element: shape, length: shape.size === 0 ? 0 : length };
  }

  #composite(id: number, kind: "struct" | "union", depth: number, typedef: string): Shape {
    const size = this.#btf.size(id);
    const fields = new Map<string, ShapeField>();
    this.#collect(id, 0, size, depth, fields);
    return { kind, name: this.#btf.name(id) || typedef, size, fields: [...fields.values()] };
  }

  #collect(id: number, base: number, size: number, depth: number, fields: Map<string, ShapeField>): void {
    const btf = this.#btf;
    if (depth > MAX_DEPTH) throw new CodecError("codec/bad-type", `BTF type ${id} is nested without end`);
    this.#count(btf.vlen(id));
    for (const { name, type, bitOffset, bitSize } of btf.members(id)) {
      const at = base + (bitOffset >>> 3);
      const resolved = btf.resolve(type);
      const kind = btf.kind(resolved);
      if (name === "") {
        // Padding has no name either.
        if (kind === BtfKind.Struct || kind === BtfKind.Union)
          this.#collect(resolved, at, size, depth + 1, fields);
        continue;
      }
      const shape = this.shape(type, depth + 1, "");
      const end = bitSize > 0 ? base + Math.ceil((bitOffset + bitSize) / 8) : at + shape.size;
      if (end > size)
        throw new CodecError("codec/bad-type", `Member ${name} of BTF type ${id} lies outside its type`);
      // C has no two members of one name.
      if (fields.has(name)) continue;
      if (bitSize === 0) fields.set(name, { name, offset: at, shape });
      else
        fields.set(name, {
          name,
          offset: at,
          shape: narrowed(shape, bitSize),
          bits: { offset: bitOffset & 7, width: bitSize },
        });
    }
  }

  #count(more: number): void {
    this.#fields += more;
    if (this.#fields > MAX_FIELDS)
      throw new CodecError("codec/bad-type", `A type has more than ${MAX_FIELDS} members`);
  }
}

/** A bitfield of up to 32 bits is a number whatever type it was declared with. */
function narrowed(shape: Shape, bits: number): Shape {
  if (shape.kind === "bigint" && bits <= 32) return { kind: "int", size: 4, signed: shape.signed };
  return shape;
}

/** `char` alone: `unsigned char` is bytes, a typedef of char is char. */
function isChar(btf: Btf, type: number): boolean {
  const id = btf.resolve(type);
  return btf.int(id).encoding === BtfIntEncoding.Char || btf.name(id) === "char";
}

/** The outermost typedef names an anonymous type. */
function typedefName(btf: Btf, type: number): string {
  const id = btf.skipModifiers(type);
  return btf.kind(id) === BtfKind.Typedef ? btf.name(id) : "";
}
