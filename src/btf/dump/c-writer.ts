import { BtfError } from "../error.ts";
import { BtfKind } from "../kind.ts";
import { ByteSink } from "./byte-sink.ts";
import { Layout, padding } from "./layout.ts";
import { NameCounts } from "./name-counts.ts";
import {
  elementOf,
  HEAD,
  kindFlagOf,
  kindSet,
  lengthOf,
  nameOf,
  targetOf,
  isText,
  vlenOf,
} from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

const maxNesting = 256;

/** Kinds that stand between a declared name and its base type. */
const derived = kindSet([
  BtfKind.Ptr,
  BtfKind.Array,
  BtfKind.FuncProto,
  BtfKind.Volatile,
  BtfKind.Const,
  BtfKind.Restrict,
  BtfKind.TypeTag,
]);

/** By kind. */
const qualifiers: readonly (string | undefined)[] = Object.assign([], {
  [BtfKind.Volatile]: "volatile",
  [BtfKind.Const]: "const",
  [BtfKind.Restrict]: "restrict",
});

/**
 * Declarations and definitions in C, written one after another as bytes. Names that C would take for
 * equal get a number (`name___2`) when they are needed for the first time, so order matters.
 */
export class CWriter {
  readonly out: ByteSink;
  readonly #table: TypeTable;
  readonly #layout: Layout;
  /** Struct, union and enum tags, and (as in libbpf) names of integers. */
  readonly #tags: NameCounts;
  /** Typedefs and enumerators. */
  readonly #identifiers: NameCounts;
  /** By id: which of the types of its name it is, from 1; 0: not asked for yet. */
  readonly #numbers: Uint32Array;
  /** Chains of derived types that are being written, innermost on top. */
  readonly #chain: number[] = [];
  #depth = 0;

  constructor(table: TypeTable) {
    this.#table = table;
    // A kernel's header is half as long as its types.
    this.out = new ByteSink(table.words.byteLength);
    this.#layout = new Layout(table);
    this.#tags = new NameCounts(table.strings);
    this.#identifiers = new NameCounts(table.strings);
    this.#numbers = new Uint32Array(table.count);
  }

  /** Takes the name of a struct, union, enum or integer, unless it is taken already. */
  claimTag(id: number): void {
    this.#number(id, this.#tags);
  }

  /** `struct x` or `union x`, without semicolon. */
  compositeName(id: number): void {
    this.out.text(this.#table.kinds[id] === BtfKind.Struct ? "struct" : "union");
    if (nameOf(this.#table, id) === 0) return;
    this.out.byte(SPACE);
    this.#name(id, this.#tags);
  }

  forward(id: number): void {
    this.out.text(kindFlagOf(this.#table, id) ? "union " : "struct ");
    this.#name(id, this.#tags);
  }

  /** `level` counts tabs. */
  composite(id: number, level: number): void {
    if (++this.#depth > maxNesting) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
    const table = this.#table;
    const { words, starts, kinds } = table;
    const { out } = this;
    const layout = this.#layout;
    const isStruct = kinds[id] === BtfKind.Struct;
    const packed = isStruct && layout.isPacked(id);
    const flagged = kindFlagOf(table, id);
    this.compositeName(id);
    out.text(" {");
    let end = 0;
    let afterBitfield = false;
    const count = vlenOf(table, id);
    let at = starts[id]! + HEAD;
    for (let index = 0; index < count; index++, at += 3) {
      const type = words[at + 1]!;
      const place = words[at + 2]!;
      const bitOffset = flagged ? place & 0xff_ffff : place;
      const bitSize = flagged ? place >>> 24 : 0;
      if (end < bitOffset) {
        const alignment = packed ? 1 : layout.alignment(type);
        this.#pad(padding(end, bitOffset, alignment, afterBitfield && bitSize > 0), level + 1);
      }
      out.line(level + 1);
      this.declaration(type, words[at]!, 0, level + 1);
      if (bitSize > 0) {
        out.text(": ");
        out.count(bitSize);
      }
      out.byte(SEMICOLON);
      end = bitOffset + (bitSize > 0 ? bitSize : layout.bits(type));
      afterBitfield = bitSize > 0;
    }
    const size = words[starts[id]! + 2]!;
    if (isStruct && end < size * 8) this.#pad(padding(end, size * 8, layout.alignment(id), false), level + 1);
    if (count > 0 || size > 0) out.line(level);
    out.byte(CLOSE_BRACE);
    if (packed) out.text(" __attribute__((packed))");
    this.#depth--;
  }

  #pad(lines: readonly string[], level: number): void {
    for (const line of lines) {
      this.out.line(level);
      this.out.text(line);
      this.out.byte(SEMICOLON);
    }
  }

  enumeration(id: number, level: number): void {
    const table = this.#table;
    const { words, starts, kinds, strings } = table;
    const { out } = this;
    out.text("enum");
    if (nameOf(table, id) !== 0) {
      out.byte(SPACE);
      this.#name(id, this.#tags);
    }
    const count = vlenOf(table, id);
    if (count === 0) return;
    const wide = kinds[id] === BtfKind.Enum64;
    const signed = kindFlagOf(table, id);
    let needsMode = true;
    out.text(" {");
    let at = starts[id]! + HEAD;
    for (let index = 0; index < count; index++) {
      const name = words[at]!;
      const low = words[at + 1]!;
      out.line(level + 1);
      out.copy(strings, name);
      this.#suffix(this.#identifiers.next(name));
      out.text(" = ");
      if (wide) {
        const high = words[at + 2]!;
        out.text(String((BigInt(signed ? high | 0 : high) << 32n) | BigInt(low)));
        out.text(signed ? "LL," : "ULL,");
        // Where a value needs more than 32 bits the enum is as wide by itself.
        if (high !== 0) needsMode = false;
        at += 3;
      } else {
        out.text(String(signed ? low | 0 : low));
        out.byte(COMMA);
        at += 2;
      }
    }
    out.line(level);
    out.byte(CLOSE_BRACE);
    const size = words[starts[id]! + 2]!;
    if (size === 1) out.text(" __attribute__((mode(byte)))");
    else if (size === 8 && needsMode) out.text(" __attribute__((mode(word)))");
  }

  typedef(id: number): void {
    const number = this.#number(id, this.#identifiers);
    const target = targetOf(this.#table, id);
    const name = nameOf(this.#table, id);
    // Old GCC leaves void there, which no compiler takes.
    if (target === 0 && number === 1 && isText(this.#table, name, "__gnuc_va_list")) {
      this.out.text("typedef __builtin_va_list __gnuc_va_list");
      return;
    }
    this.out.text("typedef ");
    this.declaration(target, name, number, 0);
  }

  /** The name at `name` (its `number`-th bearer) declared with type `id`; anonymous types are written out in full. */
  declaration(id: number, name: number, number: number, level: number): void {
    const { kinds } = this.#table;
    const plain = derived[kinds[id]!] === 0;
    // Most are of a base type, or point to one.
    if (plain || (kinds[id] === BtfKind.Ptr && derived[kinds[targetOf(this.#table, id)]!] === 0)) {
      const base = plain ? id : targetOf(this.#table, id);
      if (++this.#depth > maxNesting) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
      if (this.#base(base, kinds[base]!, level)) {
        if (!plain) this.out.text(" *");
        this.#declared(name, number, !plain);
      }
      this.#depth--;
      return;
    }
    const chain = this.#chain;
    const base = chain.length;
    for (let at = id; ;) {
      chain.push(at);
      const kind = kinds[at]!;
      if (derived[kind] === 0) break;
      if (chain.length - base > maxNesting) throw new BtfError("btf/loop", `BTF type ${id} leads to no end`);
      at = kind === BtfKind.Array ? elementOf(this.#table, at) : targetOf(this.#table, at);
    }
    if (++this.#depth > maxNesting) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
    this.#unwind(base, name, number, level);
    this.#depth--;
    chain.length = base;
  }

  /** Unwinds the chain above `base` from its base type, which is on top; takes what it has written off it. */
  #unwind(base: number, name: number, number: number, level: number): void {
    const { kinds } = this.#table;
    const chain = this.#chain;
    const { out } = this;
    let afterPointer = true;
    while (chain.length > base) {
      const id = chain.pop()!;
      const kind = kinds[id]!;
      switch (kind) {
        case BtfKind.Ptr:
          if (!afterPointer) out.byte(SPACE);
          out.byte(STAR);
          break;
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
          out.byte(SPACE);
          out.text(qualifiers[kind]!);
          break;
        case BtfKind.TypeTag:
          this.#leadingQualifiers(base);
          this.#typeTag(id);
          break;
        case BtfKind.Array:
          return this.#array(id, base, name, number, level, afterPointer);
        case BtfKind.FuncProto:
          return this.#prototype(id, base, name, number, level, afterPointer);
        default:
          this.#leadingQualifiers(base);
          if (!this.#base(id, kind, level)) return;
      }
      afterPointer = kind === BtfKind.Ptr;
    }
    this.#declared(name, number, afterPointer);
  }

  #typeTag(id: number): void {
    const { out } = this;
    const plain = kindFlagOf(this.#table, id);
    out.text(plain ? " __attribute__((" : ' __attribute__((btf_type_tag("');
    out.copy(this.#table.strings, nameOf(this.#table, id));
    out.text(plain ? "))" : '")))');
  }

  /** False for kinds that no declaration can end in. */
  #base(id: number, kind: number, level: number): boolean {
    const name = nameOf(this.#table, id);
    switch (kind) {
      case BtfKind.Void:
        this.out.text("void");
        return true;
      case BtfKind.Int:
      case BtfKind.Float:
        this.out.copy(this.#table.strings, name);
        return true;
      case BtfKind.Struct:
      case BtfKind.Union:
        if (name === 0) this.composite(id, level);
        else this.compositeName(id);
        return true;
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (name === 0) this.enumeration(id, level);
        else {
          this.out.text("enum ");
          this.#name(id, this.#tags);
        }
        return true;
      case BtfKind.Fwd:
        this.forward(id);
        return true;
      case BtfKind.Typedef:
        this.#name(id, this.#identifiers);
        return true;
      default:
        return false;
    }
  }

  #array(id: number, base: number, name: number, number: number, level: number, afterPointer: boolean): void {
    const { out } = this;
    // GCC repeats an element's qualifiers on the array.
    this.#dropQualifiers(base);
    if (this.#chain.length === base) {
      this.#declared(name, number, afterPointer);
    } else {
      const parentheses = this.#table.kinds[this.#chain.at(-1)!] !== BtfKind.Array;
      if (this.#table.strings[name] !== 0 && !afterPointer) out.byte(SPACE);
      if (parentheses) out.byte(OPEN);
      this.#unwind(base, name, number, level);
      if (parentheses) out.byte(CLOSE);
    }
    out.byte(OPEN_BRACKET);
    out.count(lengthOf(this.#table, id));
    out.byte(CLOSE_BRACKET);
  }

  #prototype(
    id: number,
    base: number,
    name: number,
    number: number,
    level: number,
    afterPointer: boolean,
  ): void {
    const { out } = this;
    // GCC marks functions that do not return as volatile.
    this.#dropQualifiers(base);
    if (this.#chain.length > base) {
      out.text(" (");
      this.#unwind(base, name, number, level);
      out.byte(CLOSE);
    } else {
      this.#declared(name, number, afterPointer);
    }
    const { words, starts } = this.#table;
    const at = starts[id]! + HEAD;
    const count = vlenOf(this.#table, id);
    if (count === 0 || (count === 1 && words[at + 1] === 0)) {
      out.text("(void)");
      return;
    }
    out.byte(OPEN);
    for (let index = 0; index < count; index++) {
      if (index > 0) out.text(", ");
      const type = words[at + index * 2 + 1]!;
      if (type === 0 && index === count - 1) out.text("...");
      else this.declaration(type, words[at + index * 2]!, 0, level);
    }
    out.byte(CLOSE);
  }

  /** Qualifiers of a base type stand before it. */
  #leadingQualifiers(base: number): void {
    const chain = this.#chain;
    while (chain.length > base) {
      const qualifier = qualifiers[this.#table.kinds[chain.at(-1)!]!];
      if (qualifier === undefined) return;
      this.out.text(qualifier);
      this.out.byte(SPACE);
      chain.pop();
    }
  }

  #dropQualifiers(base: number): void {
    const chain = this.#chain;
    while (chain.length > base) {
      const kind = this.#table.kinds[chain.at(-1)!]!;
      if (qualifiers[kind] === undefined && kind !== BtfKind.TypeTag) return;
      chain.pop();
    }
  }

  #declared(name: number, number: number, afterPointer: boolean): void {
    if (this.#table.strings[name] === 0) return;
    if (!afterPointer) this.out.byte(SPACE);
    this.out.copy(this.#table.strings, name);
    this.#suffix(number);
  }

  #name(id: number, names: NameCounts): void {
    const number = this.#number(id, names);
    this.out.copy(this.#table.strings, nameOf(this.#table, id));
    this.#suffix(number);
  }

  #suffix(number: number): void {
    if (number < 2) return;
    this.out.text("___");
    this.out.count(number);
  }

  #number(id: number, names: NameCounts): number {
    const known = this.#numbers[id]!;
    if (known > 0) return known;
    const table = this.#table;
    const kind = table.kinds[id]!;
    const name = nameOf(table, id);
    const plain = kind === BtfKind.Fwd || (kind === BtfKind.Enum && vlenOf(table, id) === 0);
    const number = plain || table.strings[name] === 0 ? 1 : names.next(name);
    this.#numbers[id] = number;
    return number;
  }
}

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;
const STAR = 0x2a;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
