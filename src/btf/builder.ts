import { ByteWriter, encodeUtf8 } from "../util/index.ts";
import type { Btf, BtfEnumerator, BtfMember, BtfParam, BtfSectionVariable } from "./btf.ts";
import { BtfIntEncoding, BtfKind, kindTable, type WordRole } from "./kind.ts";

export type BtfModifier = typeof BtfKind.Const | typeof BtfKind.Volatile | typeof BtfKind.Restrict;

interface Head {
  readonly name?: string;
  readonly vlen?: number;
  readonly flag?: boolean;
  /** Size in bytes, or the id of the type referred to. */
  readonly sizeOrType?: number;
}

/** Writes BTF type by type; each method gives the new type's id. Ids may be used before they exist. */
export class BtfBuilder {
  /** Words of each type, from id 1. */
  readonly #types: (readonly number[])[] = [];
  readonly #strings = new Map<string, number>([["", 0]]);
  readonly #text = new ByteWriter().u8(0);

  /** Starts with all types of `btf`, which keep their ids. */
  static from(btf: Btf): BtfBuilder {
    const builder = new BtfBuilder();
    for (let id = 1; id < btf.typeCount; id++) builder.copy(btf, id);
    return builder;
  }

  /** Id of the type that is added next. */
  get nextId(): number {
    return this.#types.length + 1;
  }

  /** Offset of a text among the strings; equal texts have one place. */
  string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    const offset = this.#text.length;
    this.#text.raw(encodeUtf8(text)).u8(0);
    this.#strings.set(text, offset);
    return offset;
  }

  int(name: string, size: number, encoding = 0, bits: number = size * 8): number {
    return this.#add(BtfKind.Int, { name, sizeOrType: size }, [(encoding << 24) | bits]);
  }

  signedInt(name: string, size: number): number {
    return this.int(name, size, BtfIntEncoding.Signed);
  }

  float(name: string, size: number): number {
    return this.#add(BtfKind.Float, { name, sizeOrType: size });
  }

  pointer(target: number): number {
    return this.#add(BtfKind.Ptr, { sizeOrType: target });
  }

  modifier(kind: BtfModifier, target: number): number {
    return this.#add(kind, { sizeOrType: target });
  }

  typedef(name: string, target: number): number {
    return this.#add(BtfKind.Typedef, { name, sizeOrType: target });
  }

  typeTag(name: string, target: number): number {
    return this.#add(BtfKind.TypeTag, { name, sizeOrType: target });
  }

  /** `component`: index of the member or parameter, -1 for the whole. */
  declTag(name: string, target: number, component = -1): number {
    return this.#add(BtfKind.DeclTag, { name, sizeOrType: target }, [component]);
  }

  array(element: number, index: number, length: number): number {
    return this.#add(BtfKind.Array, {}, [element, index, length]);
  }

  struct(name: string, size: number, members: readonly BtfMember[]): number {
    return this.#composite(BtfKind.Struct, name, size, members);
  }

  union(name: string, size: number, members: readonly BtfMember[]): number {
    return this.#composite(BtfKind.Union, name, size, members);
  }

  forward(name: string, union = false): number {
    return this.#add(BtfKind.Fwd, { name, flag: union });
  }

  enum(name: string, size: number, signed: boolean, enumerators: readonly BtfEnumerator[]): number {
    const items = enumerators.flatMap(({ name: item, value }) => [this.string(item), low(value)]);
    return this.#add(BtfKind.Enum, { name, vlen: enumerators.length, flag: signed, sizeOrType: size }, items);
  }

  enum64(name: string, signed: boolean, enumerators: readonly BtfEnumerator[]): number {
    const items = enumerators.flatMap(({ name: item, value }) => [
      this.string(item),
      low(value),
      low(value >> 32n),
    ]);
    return this.#add(BtfKind.Enum64, { name, vlen: enumerators.length, flag: signed, sizeOrType: 8 }, items);
  }

  prototype(result: number, params: readonly BtfParam[]): number {
    const items = params.flatMap(({ name, type }) => [this.string(name), type]);
    return this.#add(BtfKind.FuncProto, { vlen: params.length, sizeOrType: result }, items);
  }

  /** `linkage`: BtfLinkage. */
  func(name: string, prototype: number, linkage: number): number {
    return this.#add(BtfKind.Func, { name, vlen: linkage, sizeOrType: prototype });
  }

  variable(name: string, type: number, linkage: number): number {
    return this.#add(BtfKind.Var, { name, sizeOrType: type }, [linkage]);
  }

  dataSection(name: string, size: number, variables: readonly BtfSectionVariable[]): number {
    const items = variables.flatMap((variable) => [variable.type, variable.offset, variable.size]);
    return this.#add(BtfKind.Datasec, { name, vlen: variables.length, sizeOrType: size }, items);
  }

  /** Adds a type of another BTF; `mapId` says what the ids it refers to become. */
  copy(btf: Btf, id: number, mapId: (id: number) => number = (other) => other): number {
    const words = btf.words(id);
    const { refersToType, fixed, item } = kindTable[btf.kind(id)]!;
    const place = (role: WordRole, word: number): number => {
      if (role === "number") return word;
      return role === "name" ? this.string(btf.string(word)) : mapId(word);
    };
    const roleOf = (index: number): WordRole =>
      index < fixed.length ? fixed[index]! : item[(index - fixed.length) % item.length]!;
    return this.#push([
      place("name", words[0]!),
      words[1]!,
      refersToType ? mapId(words[2]!) : words[2]!,
      ...words.subarray(3).map((word, index) => place(roleOf(index), word)),
    ]);
  }

  /** The type added last takes the place of the type `id`, which is gone. */
  replaceByLast(id: number): void {
    const last = this.#types.pop();
    if (last !== undefined && id <= this.#types.length) this.#types[id - 1] = last;
  }

  /** The blob, little-endian. */
  encode(): Uint8Array<ArrayBuffer> {
    const words = this.#types.flat();
    const strings = this.#text.finish();
    const out = new ByteWriter(24 + words.length * 4 + strings.length);
    out.u16(0xeb9f).u8(1).u8(0).u32(24);
    out.u32(0).u32(words.length * 4);
    out.u32(words.length * 4).u32(strings.length);
    for (const word of words) out.u32(word);
    return out.raw(strings).finish();
  }

  #composite(
    kind: typeof BtfKind.Struct | typeof BtfKind.Union,
    name: string,
    size: number,
    members: readonly BtfMember[],
  ): number {
    const flag = members.some(({ bitSize }) => bitSize > 0);
    const items = members.flatMap((member) => [
      this.string(member.name),
      member.type,
      flag ? (member.bitSize << 24) | member.bitOffset : member.bitOffset,
    ]);
    return this.#add(kind, { name, vlen: members.length, flag, sizeOrType: size }, items);
  }

  #add(
    kind: BtfKind,
    { name = "", vlen = 0, flag = false, sizeOrType = 0 }: Head,
    rest: readonly number[] = [],
  ): number {
    const info = (flag ? 0x8000_0000 : 0) | (kind << 24) | vlen;
    return this.#push([this.string(name), info, sizeOrType, ...rest]);
  }

  #push(words: readonly number[]): number {
    return this.#types.push(words);
  }
}

function low(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}
