import { isAscii } from "node:buffer";
import { decodeUtf8, encodeUtf8 } from "../util/index.ts";
import { essentialName } from "./core/relocation.ts";
import { BtfError } from "./error.ts";
import { BtfKind, isComposite, isEnum, isModifier, kindsByNumber, kindTable } from "./kind.ts";
import type { BtfSections } from "./sections.ts";

/** A member of a struct or union; offsets and widths in bits. */
export interface BtfMember {
  /** "" for an anonymous struct or union. */
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** Width of a bitfield; 0 for a plain member. */
  readonly bitSize: number;
}

/** A parameter of a function prototype; a trailing one without name and type is `...`. */
export interface BtfParam {
  readonly name: string;
  readonly type: number;
}

export interface BtfEnumerator {
  readonly name: string;
  /** Signed or not as the enum says. */
  readonly value: bigint;
}

export interface BtfArray {
  readonly element: number;
  readonly index: number;
  readonly length: number;
}

export interface BtfInt {
  /** Bytes. */
  readonly size: number;
  /** BtfIntEncoding flags. */
  readonly encoding: number;
  readonly bits: number;
  /** Of the value's lowest bit; 0 in all but ancient BTF. */
  readonly bitOffset: number;
}

/** A variable's place in a data section, in bytes. */
export interface BtfSectionVariable {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** Modifiers, typedefs or arrays behind one another; the kernel allows 32. */
const maxDepth = 64;
const pointerSize = 8;
const underscore = 0x5f;
/** Names that are read, and looked up, before it pays to prepare for many more. */
const FEW = 2000;
const FEW_LOOKUPS = 16;
const MOST_OTHERS = 1000;

/**
 * Types by id, read from the raw bytes on demand: nothing is kept for a type but the offset of its words.
 *
 * Id 0 is void. Split BTF (a kernel module's) continues the ids and strings of its base. The bytes may be
 * hostile: every method throws {@link BtfError} when what it needs is broken, and none runs away.
 *
 * @example
 * ```ts
 * import { parseBtf, readObject } from "bpfkit";
 *
 * const types = parseBtf(readObject("events.bpf.o").btf!);
 * const event = types.findByName("event")!;
 * console.log(types.kindName(event), types.size(event), types.members(event)[1]?.bitOffset);
 * // prints STRUCT 32 32
 * ```
 */
export class Btf {
  /** Absent for BTF that stands alone. */
  readonly base: Btf | undefined;
  /** First id that is this blob's own: 1, or the base's {@link typeCount}. */
  readonly firstId: number;
  /** One more than the highest id. */
  readonly typeCount: number;
  /** The whole blob as it was read, header included. */
  readonly bytes: Uint8Array;
  /** Strings of the base end, and own ones start, at this offset. */
  readonly #firstString: number;
  readonly #strings: Uint8Array;
  readonly #words: Uint32Array;
  /** Index into #words of each own type. */
  readonly #starts: Uint32Array;
  #stringsRead = 0;
  /** Once many were read, all strings as one, of which each name is a slice; "" where they are not plain ASCII. */
  #text: string | undefined;
  #lookups = 0;
  #names: NameChains | undefined;
  #flavours: number[] | undefined;

  constructor(sections: BtfSections, base?: Btf) {
    this.base = base;
    this.bytes = sections.bytes;
    this.#strings = sections.strings;
    this.#words = sections.words;
    this.#starts = sections.starts;
    this.firstId = base?.typeCount ?? 1;
    this.typeCount = this.firstId + sections.starts.length;
    this.#firstString = base?.stringEnd ?? 0;
  }

  /** Offset behind the last string. */
  get stringEnd(): number {
    return this.#firstString + this.#strings.length;
  }

  /**
   * Words, starts and strings of all types from id 1, those of the base included: for loops over everything.
   * `starts` are indices into `words`; the strings end in NUL.
   */
  sections(): { readonly words: Uint32Array; readonly starts: Uint32Array; readonly strings: Uint8Array } {
    const own = { words: this.#words, starts: this.#starts, strings: this.#strings };
    const base = this.base?.sections();
    if (!base) return own;
    return {
      words: concatenate(Uint32Array, base.words, own.words),
      starts: concatenate(
        Uint32Array,
        base.starts,
        own.starts.map((start) => start + base.words.length),
      ),
      strings: concatenate(Uint8Array, base.strings, own.strings),
    };
  }

  has(id: number): boolean {
    return id >= 0 && id < this.typeCount;
  }

  kind(id: number): BtfKind {
    if (id === 0) return BtfKind.Void;
    if (id < this.firstId) return this.#ancestor().kind(id);
    return kindOf(this.#words[this.#start(id) + 1]!);
  }

  /** BTF_KIND_STRUCT without its prefix, as bpftool prints it. */
  kindName(id: number): string {
    return kindTable[this.kind(id)]!.name;
  }

  /** Bitfields of structs, signedness of enums, union of forward declarations, `__attribute__` of tags. */
  kindFlag(id: number): boolean {
    return this.#info(id) >>> 31 === 1;
  }

  /** Count of members, parameters, enumerators or variables; the linkage of a function. */
  vlen(id: number): number {
    return this.#info(id) & 0xff_ffff;
  }

  /** "" where there is none. */
  name(id: number): string {
    const offset = this.nameOffset(id);
    return offset === 0 ? "" : this.string(offset);
  }

  /** Offset of the name among the strings; 0 for none. Equal names have equal offsets in deduplicated BTF. */
  nameOffset(id: number): number {
    return this.#word(id, 0);
  }

  string(offset: number): string {
    if (offset < this.#firstString) return this.#ancestor().string(offset);
    const start = offset - this.#firstString;
    if (start >= this.#strings.length)
      throw new BtfError("btf/bad-string", `BTF string offset ${offset} is outside the string section`);
    // A section always ends in NUL, see readSections.
    const text = (this.#text ??= ++this.#stringsRead > FEW ? asciiText(this.#strings) : undefined);
    if (text !== undefined && text !== "") return text.slice(start, text.indexOf("\0", start));
    return decodeUtf8(this.#strings, start, this.#strings.indexOf(0, start));
  }

  /** The type that a pointer, typedef, modifier, function, variable or tag refers to; 0 is void. */
  target(id: number): number {
    if (!kindTable[this.kind(id)]!.refersToType) throw this.#wrongKind(id, "refers to no other type");
    return this.#checkId(this.#word(id, 2), id);
  }

  /** Behind const, volatile, restrict and type tags. */
  skipModifiers(id: number): number {
    for (let at = id, depth = 0; depth < maxDepth; depth++) {
      if (!isModifier(this.kind(at))) return at;
      at = this.target(at);
    }
    throw new BtfError("btf/loop", `BTF type ${id} has modifiers without end`);
  }

  /** Behind modifiers and typedefs. */
  resolve(id: number): number {
    for (let at = id, depth = 0; depth < maxDepth; depth++) {
      const kind = this.kind(at);
      if (kind !== BtfKind.Typedef && !isModifier(kind)) return at;
      at = this.target(at);
    }
    throw new BtfError("btf/loop", `BTF type ${id} has typedefs without end`);
  }

  /** Bytes. Functions, void and forward declarations have no size, which is an error. */
  size(id: number): number {
    let count = 1;
    for (let at = id, depth = 0; depth < maxDepth; depth++) {
      at = this.resolve(at);
      const kind = this.kind(at);
      if (kind === BtfKind.Array) {
        const array = this.array(at);
        count *= array.length;
        at = array.element;
      } else if (kind === BtfKind.Var) {
        at = this.target(at);
      } else {
        const size = count * this.#plainSize(at, kind);
        if (size > 0xffff_ffff) throw new BtfError("btf/too-large", `BTF type ${id} is larger than 4 GiB`);
        return size;
      }
    }
    throw new BtfError("btf/loop", `BTF type ${id} has arrays without end`);
  }

  int(id: number): BtfInt {
    const data = this.#extra(id, BtfKind.Int, 0);
    return {
      size: this.#word(id, 2),
      encoding: (data >>> 24) & 0xf,
      bitOffset: (data >>> 16) & 0xff,
      bits: data & 0xff,
    };
  }

  array(id: number): BtfArray {
    return {
      element: this.#checkId(this.#extra(id, BtfKind.Array, 0), id),
      index: this.#checkId(this.#extra(id, BtfKind.Array, 1), id),
      length: this.#extra(id, BtfKind.Array, 2),
    };
  }

  members(id: number): BtfMember[] {
    return this.#items(id, (index) => this.member(id, index));
  }

  /** The `index`-th member; for loops that must not build all of them. */
  member(id: number, index: number): BtfMember {
    if (!isComposite(this.kind(id))) throw this.#wrongKind(id, "has no members");
    return {
      name: this.memberName(id, index),
      type: this.memberType(id, index),
      bitOffset: this.memberBitOffset(id, index),
      bitSize: this.memberBitSize(id, index),
    };
  }

  /** Type of the `index`-th member, or parameter, alone. */
  memberType(id: number, index: number): number {
    return this.#checkId(this.#item(id, index, 1), id);
  }

  memberName(id: number, index: number): string {
    return this.string(this.#item(id, index, 0));
  }

  memberBitOffset(id: number, index: number): number {
    const place = this.#item(id, index, 2);
    return this.kindFlag(id) ? place & 0xff_ffff : place;
  }

  memberBitSize(id: number, index: number): number {
    return this.kindFlag(id) ? this.#item(id, index, 2) >>> 24 : 0;
  }

  params(id: number): BtfParam[] {
    if (this.kind(id) !== BtfKind.FuncProto) throw this.#wrongKind(id, "has no parameters");
    return this.#items(id, (index) => ({
      name: this.memberName(id, index),
      type: this.memberType(id, index),
    }));
  }

  enumerators(id: number): BtfEnumerator[] {
    if (!isEnum(this.kind(id))) throw this.#wrongKind(id, "has no enumerators");
    return this.#items(id, (index) => ({
      name: this.enumeratorName(id, index),
      value: BigInt(this.enumeratorValue(id, index)),
    }));
  }

  enumeratorName(id: number, index: number): string {
    return this.string(this.#item(id, index, 0));
  }

  /** A number for ENUM, a bigint for ENUM64. */
  enumeratorValue(id: number, index: number): number | bigint {
    const low = this.#item(id, index, 1);
    const signed = this.kindFlag(id);
    if (this.kind(id) === BtfKind.Enum) return signed ? low | 0 : low;
    const high = this.#item(id, index, 2);
    return (BigInt(signed ? high | 0 : high) << 32n) | BigInt(low);
  }

  /** Variables of a data section. */
  sectionVariables(id: number): BtfSectionVariable[] {
    if (this.kind(id) !== BtfKind.Datasec) throw this.#wrongKind(id, "has no variables");
    return this.#items(id, (index) => ({
      type: this.#checkId(this.#item(id, index, 0), id),
      offset: this.#item(id, index, 1),
      size: this.#item(id, index, 2),
    }));
  }

  /** BtfLinkage of a function or a variable. */
  linkage(id: number): number {
    return this.kind(id) === BtfKind.Func ? this.vlen(id) : this.#extra(id, BtfKind.Var, 0);
  }

  /** What a declaration tag is attached to: a member's or parameter's index, or -1 for the whole. */
  componentIndex(id: number): number {
    return this.#extra(id, BtfKind.DeclTag, 0) | 0;
  }

  /** Calls `visit` with each type id that the type refers to. */
  eachReference(id: number, visit: (target: number) => void): void {
    if (id === 0) return;
    if (id < this.firstId) return this.#ancestor().eachReference(id, visit);
    const start = this.#start(id);
    const info = this.#words[start + 1]!;
    const { refersToType, fixed, item } = kindTable[kindOf(info)]!;
    if (refersToType) visit(this.#checkId(this.#words[start + 2]!, id));
    for (let index = 0; index < fixed.length; index++)
      if (fixed[index] === "type") visit(this.#checkId(this.#words[start + 3 + index]!, id));
    const field = item.indexOf("type");
    if (field < 0) return;
    const end = this.#starts[id + 1 - this.firstId] ?? this.#words.length;
    for (let at = start + 3 + fixed.length + field; at < end; at += item.length)
      visit(this.#checkId(this.#words[at]!, id));
  }

  /** The type's words as they are, struct btf_type first; see kindTable for what each one is. */
  words(id: number): Uint32Array {
    if (id < this.firstId) return this.#ancestor().words(id);
    const end = this.#starts[id + 1 - this.firstId] ?? this.#words.length;
    return this.#words.subarray(this.#start(id), end);
  }

  /** The lowest id of that name (and kind), base first; undefined when there is none. */
  findByName(name: string, kind?: BtfKind): number | undefined {
    return this.base?.findByName(name, kind) ?? this.#findOwn(name, kind, true)[0];
  }

  /** Every id of that name (and kind), ascending. */
  findAllByName(name: string, kind?: BtfKind): number[] {
    return [...(this.base?.findAllByName(name, kind) ?? []), ...this.#findOwn(name, kind, false)];
  }

  /** As {@link findAllByName}, without the base's types. */
  findOwnByName(name: string, kind?: BtfKind): number[] {
    return this.#findOwn(name, kind, false);
  }

  /** Own types named `name___x`, x not starting with an underscore: flavours of one type in CO-RE's sense. */
  ownFlavours(name: string): number[] {
    this.#flavours ??= this.#findFlavours();
    return this.#flavours.filter((id) => essentialName(this.name(id)) === name);
  }

  /** The first enum with an enumerator of that name. */
  findEnumerator(name: string): { readonly type: number; readonly value: bigint } | undefined {
    const inBase = this.base?.findEnumerator(name);
    if (inBase) return inBase;
    const offsets = new Set(this.#stringOffsets(name));
    if (offsets.size === 0) return undefined;
    for (let id = this.firstId; id < this.typeCount; id++) {
      if (!isEnum(this.kind(id))) continue;
      const count = this.vlen(id);
      for (let index = 0; index < count; index++) {
        if (offsets.has(this.#item(id, index, 0)))
          return { type: id, value: BigInt(this.enumeratorValue(id, index)) };
      }
    }
    return undefined;
  }

  /** Few types, if any, have such names; one search in the strings finds them. */
  #findFlavours(): number[] {
    const strings = Buffer.from(this.#strings.buffer, this.#strings.byteOffset, this.#strings.byteLength);
    const starts = new Set<number>();
    for (let at = strings.indexOf("___"); at >= 0; at = strings.indexOf("___", at + 1))
      if (isNamePart(strings[at - 1]) && isNamePart(strings[at + 3]))
        starts.add(strings.lastIndexOf(0, at) + 1);
    const chains = this.#chains();
    return [...starts]
      .flatMap((start) => [...chains.indices(this.#firstString + start)])
      .map((index) => this.firstId + index);
  }

  #chains(): NameChains {
    return (this.#names ??= new NameChains(this.#words, this.#starts));
  }

  /** Own types, as indices, of the name at that offset. A few names are sooner found without an index of all of them. */
  *#indicesNamed(offset: number): Generator<number> {
    const first = this.#names === undefined && ++this.#lookups <= FEW_LOOKUPS;
    const found = first ? findWord(this.#words, this.#starts, offset) : undefined;
    yield* found ?? this.#chains().indices(offset);
  }

  #findOwn(name: string, kind: BtfKind | undefined, firstOnly: boolean): number[] {
    const found: number[] = [];
    for (const offset of this.#stringOffsets(name)) {
      for (const index of this.#indicesNamed(offset)) {
        const id = this.firstId + index;
        if (kind !== undefined && this.kind(id) !== kind) continue;
        found.push(id);
        if (firstOnly) return found;
      }
    }
    return found.sort((a, b) => a - b);
  }

  /** Every place in the string sections where `name` can be read; one in deduplicated BTF, or its tail of more. */
  *#stringOffsets(name: string): Generator<number> {
    if (name === "") return;
    if (this.base) yield* this.base.#stringOffsets(name);
    const wanted = encodeUtf8(`${name}\0`);
    const strings = Buffer.from(this.#strings.buffer, this.#strings.byteOffset, this.#strings.byteLength);
    for (let at = strings.indexOf(wanted); at >= 0; at = strings.indexOf(wanted, at + 1))
      yield this.#firstString + at;
  }

  #plainSize(id: number, kind: BtfKind): number {
    switch (kind) {
      case BtfKind.Int:
      case BtfKind.Struct:
      case BtfKind.Union:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Float:
      case BtfKind.Datasec:
        return this.#word(id, 2);
      case BtfKind.Ptr:
        return pointerSize;
      default:
        throw new BtfError("btf/no-size", `BTF type ${id} (${this.kindName(id)}) has no size`);
    }
  }

  #ancestor(): Btf {
    if (!this.base) throw new BtfError("btf/bad-type-id", "BTF type or string below the first one");
    return this.base;
  }

  #start(id: number): number {
    const start = this.#starts[id - this.firstId];
    if (start === undefined)
      throw new BtfError("btf/bad-type-id", `BTF type id ${id} is outside the ${this.typeCount} types`);
    return start;
  }

  #info(id: number): number {
    return this.#word(id, 1);
  }

  /** One of the three words of struct btf_type. */
  #word(id: number, index: 0 | 1 | 2): number {
    if (id === 0) return 0;
    if (id < this.firstId) return this.#ancestor().#word(id, index);
    return this.#words[this.#start(id) + index]!;
  }

  /** A word behind struct btf_type, of a type that must be of `kind`. */
  #extra(id: number, kind: BtfKind, index: number): number {
    if (this.kind(id) !== kind) throw this.#wrongKind(id, `is no ${kindTable[kind]!.name}`);
    if (id < this.firstId) return this.#ancestor().#extra(id, kind, index);
    return this.#words[this.#start(id) + 3 + index]!;
  }

  /** Word `field` of the `index`-th item (member, parameter, enumerator, variable). */
  #item(id: number, index: number, field: number): number {
    if (id < this.firstId) return this.#ancestor().#item(id, index, field);
    const start = this.#start(id);
    const info = this.#words[start + 1]!;
    if (!(index >= 0 && index < (info & 0xff_ffff)))
      throw new BtfError("btf/bad-type-id", `BTF type ${id} has no item ${index}`);
    return this.#words[start + 3 + index * kindTable[kindOf(info)]!.item.length + field]!;
  }

  #items<T>(id: number, read: (index: number) => T): T[] {
    return Array.from({ length: this.vlen(id) }, (_, index) => read(index));
  }

  #checkId(target: number, from: number): number {
    if (target >= this.typeCount)
      throw new BtfError(
        "btf/bad-type-id",
        `BTF type ${from} refers to type ${target}, which does not exist`,
      );
    return target;
  }

  #wrongKind(id: number, what: string): BtfError {
    return new BtfError("btf/wrong-kind", `BTF type ${id} (${this.kindName(id)}) ${what}`);
  }
}

function concatenate<T extends Uint32Array | Uint8Array>(
  Kind: new (length: number) => T,
  one: T,
  other: T,
): T {
  const joined = new Kind(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}

/**
 * Indices of the types whose first word is `word`, ascending, by the search of bytes that Node has; undefined if
 * that comes upon too many other words.
 */
function findWord(words: Uint32Array, starts: Uint32Array, word: number): number[] | undefined {
  const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  const wanted = Buffer.from(Uint32Array.of(word).buffer);
  const found: number[] = [];
  let others = 0;
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    const index = at % 4 === 0 ? indexOfStart(starts, at / 4) : -1;
    if (index >= 0) found.push(index);
    else if (++others > MOST_OTHERS) return undefined;
  }
  return found;
}

function indexOfStart(starts: Uint32Array, start: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! < start) low = middle + 1;
    else high = middle;
  }
  return starts[low] === start ? low : -1;
}

function isNamePart(byte: number | undefined): boolean {
  return byte !== undefined && byte !== 0 && byte !== underscore;
}

function asciiText(strings: Uint8Array): string {
  if (!isAscii(strings)) return "";
  return Buffer.from(strings.buffer, strings.byteOffset, strings.byteLength).toString("latin1");
}

/** The info word keeps vlen in bits 0-23, the kind in 24-30 and the kind flag in 31. */
function kindOf(info: number): BtfKind {
  // Never undefined: kinds were checked against kindTable when the sections were read.
  return kindsByNumber[(info >>> 24) & 0x7f]!;
}

/**
 * Types chained by the offset of their names: strings are deduplicated, so looking up a name is one
 * search in the string section and a walk of a short chain; no string is hashed or kept.
 */
class NameChains {
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #words: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #shift: number;

  constructor(words: Uint32Array, starts: Uint32Array) {
    this.#words = words;
    this.#starts = starts;
    const bits = Math.max(1, 32 - Math.clz32(starts.length));
    this.#shift = 32 - bits;
    this.#heads = new Int32Array(1 << bits).fill(-1);
    this.#next = new Int32Array(starts.length);
    for (let index = starts.length - 1; index >= 0; index--) {
      const name = words[starts[index]!]!;
      if (name === 0) continue;
      const bucket = this.#bucket(name);
      this.#next[index] = this.#heads[bucket]!;
      this.#heads[bucket] = index;
    }
  }

  *indices(nameOffset: number): Generator<number> {
    for (let index = this.#heads[this.#bucket(nameOffset)]!; index >= 0; index = this.#next[index]!)
      if (this.#words[this.#starts[index]!] === nameOffset) yield index;
  }

  #bucket(nameOffset: number): number {
    return Math.imul(nameOffset, 0x9e37_79b1) >>> this.#shift;
  }
}
