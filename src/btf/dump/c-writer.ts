import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfKind, isModifier } from "../kind.ts";
import { Alignments, padding } from "./layout.ts";

/** Names that were given so far, each with how often. */
type Names = Map<string, number>;

const maxOutput = 1 << 28;
const chunkSize = 1 << 12;

/** Kinds that stand between a declared name and its base type. */
const derived: ReadonlySet<BtfKind> = new Set<BtfKind>([
  BtfKind.Ptr,
  BtfKind.Array,
  BtfKind.FuncProto,
  BtfKind.Volatile,
  BtfKind.Const,
  BtfKind.Restrict,
  BtfKind.TypeTag,
]);

const qualifiers: Partial<Record<BtfKind, string>> = {
  [BtfKind.Volatile]: "volatile",
  [BtfKind.Const]: "const",
  [BtfKind.Restrict]: "restrict",
};

/**
 * Declarations and definitions in C, written one after another into one text. Names that C would take for
 * equal get a number (`name___2`) when they are needed for the first time, so order matters.
 */
export class CWriter {
  readonly #btf: Btf;
  readonly #alignments: Alignments;
  #bytes: Buffer = Buffer.alloc(1 << 16);
  #chunk = "";
  #length = 0;
  #depth = 0;
  /** Struct, union and enum tags, and (as in libbpf) names of integers. */
  readonly #tags: Names = new Map();
  /** Typedefs and enumerators. */
  readonly #identifiers: Names = new Map();
  readonly #resolved: (string | undefined)[];

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#alignments = new Alignments(btf);
    this.#resolved = Array.from({ length: btf.typeCount });
  }

  write(text: string): void {
    this.#chunk += text;
    if (this.#chunk.length > chunkSize) this.#flush();
  }

  finish(): string {
    this.#flush();
    return this.#bytes.toString("utf8", 0, this.#length);
  }

  /** Copies what was joined to where it stays: millions of joined pieces would be carried through each collection. */
  #flush(): void {
    const most = this.#length + this.#chunk.length * 3;
    if (most > maxOutput) throw new BtfError("btf/too-large", "The C text of these types is without end");
    if (most > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], most * 2);
    this.#length += this.#bytes.write(this.#chunk, this.#length, "utf8");
    this.#chunk = "";
  }

  /** Name of a struct, union, enum or integer. */
  tag(id: number): string {
    return this.#name(id, this.#tags);
  }

  /** `struct x` or `union x`, without semicolon. */
  compositeName(id: number): void {
    const keyword = this.#btf.kind(id) === BtfKind.Struct ? "struct" : "union";
    this.write(this.#btf.nameOffset(id) === 0 ? keyword : `${keyword} ${this.tag(id)}`);
  }

  forward(id: number): void {
    this.write(`${this.#btf.kindFlag(id) ? "union" : "struct"} ${this.tag(id)}`);
  }

  /** `level` counts tabs. */
  composite(id: number, level: number): void {
    if (++this.#depth > 256) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
    const btf = this.#btf;
    const isStruct = btf.kind(id) === BtfKind.Struct;
    const packed = isStruct && this.#alignments.isPacked(id);
    const indent = "\t".repeat(level + 1);
    this.compositeName(id);
    this.write(" {");
    let end = 0;
    let afterBitfield = false;
    const count = btf.vlen(id);
    for (let index = 0; index < count; index++) {
      const type = btf.memberType(id, index);
      const bitOffset = btf.memberBitOffset(id, index);
      const bitSize = btf.memberBitSize(id, index);
      const alignment = packed ? 1 : this.#alignments.of(type);
      const pads = padding(end, bitOffset, alignment, afterBitfield && bitSize > 0);
      for (const pad of pads) this.write(`\n${indent}${pad};`);
      this.write(`\n${indent}`);
      this.declaration(type, btf.memberName(id, index), level + 1);
      this.write(bitSize > 0 ? `: ${bitSize};` : ";");
      end = bitOffset + (bitSize > 0 ? bitSize : this.#bits(type));
      afterBitfield = bitSize > 0;
    }
    const size = btf.size(id);
    if (isStruct) {
      const pads = padding(end, size * 8, this.#alignments.of(id), false);
      for (const pad of pads) this.write(`\n${indent}${pad};`);
    }
    this.write(count > 0 || size > 0 ? `\n${"\t".repeat(level)}}` : "}");
    if (packed) this.write(" __attribute__((packed))");
    this.#depth--;
  }

  enumeration(id: number, level: number): void {
    const btf = this.#btf;
    this.write(btf.nameOffset(id) === 0 ? "enum" : `enum ${this.tag(id)}`);
    if (btf.vlen(id) === 0) return;
    const wide = btf.kind(id) === BtfKind.Enum64;
    const suffix = wide ? (btf.kindFlag(id) ? "LL" : "ULL") : "";
    const indent = "\t".repeat(level + 1);
    let needsMode = true;
    this.write(" {");
    for (let index = 0, count = btf.vlen(id); index < count; index++) {
      const name = numbered(btf.enumeratorName(id, index), this.#identifiers);
      const value = btf.enumeratorValue(id, index);
      this.write(`\n${indent}${name} = ${value}${suffix},`);
      // Where a value needs more than 32 bits the enum is as wide by itself.
      if (typeof value === "bigint" && BigInt.asUintN(64, value) >> 32n !== 0n) needsMode = false;
    }
    this.write(`\n${"\t".repeat(level)}}`);
    const size = btf.size(id);
    if (size === 1) this.write(" __attribute__((mode(byte)))");
    else if (size === 8 && needsMode) this.write(" __attribute__((mode(word)))");
  }

  typedef(id: number): void {
    const name = this.#name(id, this.#identifiers);
    const target = this.#btf.target(id);
    // Old GCC leaves void there, which no compiler takes.
    if (target === 0 && name === "__gnuc_va_list") {
      this.write("typedef __builtin_va_list __gnuc_va_list");
      return;
    }
    this.write("typedef ");
    this.declaration(target, name, 0);
  }

  /** `name` declared with type `id`; anonymous types are written out in full. */
  declaration(id: number, name: string, level: number): void {
    const chain: number[] = [];
    for (let at = id; ;) {
      chain.push(at);
      const kind = this.#btf.kind(at);
      if (!derived.has(kind)) break;
      if (chain.length > 256) throw new BtfError("btf/loop", `BTF type ${id} leads to no end`);
      at = kind === BtfKind.Array ? this.#btf.array(at).element : this.#btf.target(at);
    }
    if (++this.#depth > 256) throw new BtfError("btf/loop", `BTF type ${id} nests too deeply`);
    this.#chain(chain, name, level);
    this.#depth--;
  }

  /** Unwinds a chain from its base type, which is last; takes what it has written off the chain. */
  #chain(chain: number[], name: string, level: number): void {
    const btf = this.#btf;
    let afterPointer = true;
    for (let id = chain.pop(); id !== undefined; id = chain.pop()) {
      const kind = btf.kind(id);
      switch (kind) {
        case BtfKind.Ptr:
          this.write(afterPointer ? "*" : " *");
          break;
        case BtfKind.Volatile:
        case BtfKind.Const:
        case BtfKind.Restrict:
          this.write(` ${qualifiers[kind]}`);
          break;
        case BtfKind.TypeTag: {
          this.#leadingQualifiers(chain);
          const tag = btf.name(id);
          this.write(` __attribute__((${btf.kindFlag(id) ? tag : `btf_type_tag("${tag}")`}))`);
          break;
        }
        case BtfKind.Array:
          return this.#array(id, chain, name, level, afterPointer);
        case BtfKind.FuncProto:
          return this.#prototype(id, chain, name, level, afterPointer);
        default:
          this.#leadingQualifiers(chain);
          if (!this.#base(id, kind, level)) return;
      }
      afterPointer = kind === BtfKind.Ptr;
    }
    this.#declared(name, afterPointer);
  }

  /** False for kinds that no declaration can end in. */
  #base(id: number, kind: BtfKind, level: number): boolean {
    const btf = this.#btf;
    const anonymous = btf.nameOffset(id) === 0;
    switch (kind) {
      case BtfKind.Void:
        this.write("void");
        return true;
      case BtfKind.Int:
      case BtfKind.Float:
        this.write(btf.name(id));
        return true;
      case BtfKind.Struct:
      case BtfKind.Union:
        if (anonymous) this.composite(id, level);
        else this.compositeName(id);
        return true;
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (anonymous) this.enumeration(id, level);
        else this.write(`enum ${this.tag(id)}`);
        return true;
      case BtfKind.Fwd:
        this.forward(id);
        return true;
      case BtfKind.Typedef:
        this.write(this.#name(id, this.#identifiers));
        return true;
      default:
        return false;
    }
  }

  #array(id: number, chain: number[], name: string, level: number, afterPointer: boolean): void {
    // GCC repeats an element's qualifiers on the array.
    this.#dropQualifiers(chain);
    const { length } = this.#btf.array(id);
    const inner = chain.at(-1);
    if (inner === undefined) {
      this.#declared(name, afterPointer);
    } else {
      const parentheses = this.#btf.kind(inner) !== BtfKind.Array;
      if (name !== "" && !afterPointer) this.write(" ");
      if (parentheses) this.write("(");
      this.#chain(chain, name, level);
      if (parentheses) this.write(")");
    }
    this.write(`[${length}]`);
  }

  #prototype(id: number, chain: number[], name: string, level: number, afterPointer: boolean): void {
    // GCC marks functions that do not return as volatile.
    this.#dropQualifiers(chain);
    if (chain.length > 0) {
      this.write(" (");
      this.#chain(chain, name, level);
      this.write(")");
    } else {
      this.#declared(name, afterPointer);
    }
    const btf = this.#btf;
    const count = btf.vlen(id);
    if (count === 0 || (count === 1 && btf.memberType(id, 0) === 0)) {
      this.write("(void)");
      return;
    }
    this.write("(");
    for (let index = 0; index < count; index++) {
      if (index > 0) this.write(", ");
      const type = btf.memberType(id, index);
      if (type === 0 && index === count - 1) this.write("...");
      else this.declaration(type, btf.memberName(id, index), level);
    }
    this.write(")");
  }

  /** Qualifiers of a base type stand before it. */
  #leadingQualifiers(chain: number[]): void {
    for (let top = chain.at(-1); top !== undefined; top = chain.at(-1)) {
      const qualifier = qualifiers[this.#btf.kind(top)];
      if (qualifier === undefined) return;
      this.write(`${qualifier} `);
      chain.pop();
    }
  }

  #dropQualifiers(chain: number[]): void {
    while (chain.length > 0 && isModifier(this.#btf.kind(chain.at(-1)!))) chain.pop();
  }

  #declared(name: string, afterPointer: boolean): void {
    this.write(name !== "" && !afterPointer ? ` ${name}` : name);
  }

  #name(id: number, names: Names): string {
    const known = this.#resolved[id];
    if (known !== undefined) return known;
    const btf = this.#btf;
    const kind = btf.kind(id);
    const plain = kind === BtfKind.Fwd || (kind === BtfKind.Enum && btf.vlen(id) === 0);
    const original = btf.name(id);
    const name = plain || original === "" ? original : numbered(original, names);
    this.#resolved[id] = name;
    return name;
  }

  #bits(type: number): number {
    try {
      return this.#btf.size(type) * 8;
    } catch (error) {
      // Members of incomplete type take no room.
      if (error instanceof BtfError && error.code === "btf/no-size") return 0;
      throw error;
    }
  }
}

function numbered(name: string, names: Names): string {
  const count = (names.get(name) ?? 0) + 1;
  names.set(name, count);
  return count > 1 ? `${name}___${count}` : name;
}
