import { BtfIntEncoding, BtfKind } from "../../../btf/index.ts";
import type { Btf, BtfMember } from "../../../btf/index.ts";

/** BTF_F_*: how much of types and of zeroes is shown. */
export const SHOW = { COMPACT: 1, NONAME: 2, PTR_RAW: 4, ZERO: 8, ALL: 15 } as const;

/** Nesting of pointers, arrays and typedefs that names are made for (BTF_SHOW_MAX_ITER). */
const MOST_NESTING = 10;
/** BTF_SHOW_NAME_SIZE, without its NUL. */
const LONGEST_NAME = 79;
const WIDEST_INDENT = 32;

/**
 * A value in the kernel's words: what bpf_snprintf_btf writes (btf_type_show in kernel/bpf/btf.c). Members that are
 * zero are left out unless the flags want them. `bytes` hold the value.
 */
export function btfText(types: Btf, id: number, bytes: Uint8Array, flags: number): string {
  // Enumerations are read as 32 bits, whatever their size.
  const padded = new Uint8Array(bytes.length + 8);
  padded.set(bytes);
  const show = new Show(types, padded, flags);
  show.value(id, id, 0, 0);
  return show.text;
}

class Show {
  text = "";
  readonly #types: Btf;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #flags: number;
  #depth = 0;
  /** What is shown now: its name, as it was declared, and what it is. */
  #named = 0;
  #type: number | undefined;
  #member: BtfMember | undefined;
  #inArray = false;
  /** Of an array of characters: up to its NUL. */
  #characters = false;
  #terminated = false;
  /** While it is only asked whether anything would be shown: one more than the depth that was asked for; else 0. */
  #asking = 0;
  #deepest = 0;

  constructor(types: Btf, bytes: Uint8Array<ArrayBuffer>, flags: number) {
    this.#types = types;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#flags = flags;
  }

  /** `declared`: the type with the typedefs and modifiers that lead to `id`. */
  value(id: number, declared: number, at: number, bit: number): void {
    const types = this.#types;
    const kind = types.kind(id);
    switch (kind) {
      case BtfKind.Typedef:
      case BtfKind.Const:
      case BtfKind.Volatile:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.value(types.resolve(id), declared, at, bit);
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#unlessZero(() => this.#struct(id, declared, at));
      case BtfKind.Array:
        return this.#unlessZero(() => this.#array(id, declared, at, bit));
      case BtfKind.Int:
        return this.#scalar(id, declared, () => this.#int(id, at, bit));
      case BtfKind.Ptr:
        return this.#scalar(id, declared, () => {
          const value = this.#view.getBigUint64(at, true);
          this.#show(`0x${value.toString(16).padStart(16, "0")}`, value !== 0n);
        });
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return this.#scalar(id, declared, () => this.#enum(id, kind === BtfKind.Enum64, at));
      default:
        return this.#write(`<unsupported kind:${kind}>`);
    }
  }

  /** Structs and arrays inside of others are left out where they would show nothing. */
  #unlessZero(show: () => void): void {
    const member = this.#member;
    if (this.#depth > 0 && (this.#flags & SHOW.ZERO) === 0) {
      if (this.#asking === 0) {
        this.#asking = this.#depth + 1;
        this.#deepest = 0;
      }
      show();
      this.#member = member;
      if (this.#asking !== this.#depth + 1) return;
      this.#asking = 0;
      if (this.#deepest <= this.#depth) return;
    }
    show();
  }

  #struct(id: number, declared: number, at: number): void {
    this.#open(id, declared);
    for (const member of this.#types.members(id)) {
      this.#member = member;
      const place = at + (member.bitOffset >> 3);
      const bit = member.bitOffset & 7;
      if (member.bitSize === 0) this.value(member.type, member.type, place, bit);
      else this.#scalar(member.type, member.type, () => this.#bits(place, bit, member.bitSize));
      this.#member = undefined;
    }
    this.#close("}");
  }

  #array(id: number, declared: number, at: number, bit: number): void {
    const types = this.#types;
    const { element, length } = types.array(id);
    const resolved = types.resolve(element);
    // Arrays of arrays do not move on from one to the next.
    const size = SIZED.has(types.kind(resolved)) ? types.size(resolved) : 0;
    this.#characters = types.kind(resolved) === BtfKind.Int && (size === 1 || isCharacter(types, resolved));
    this.#terminated = false;
    this.#open(id, declared);
    for (let index = 0; index < length && !this.#terminated; index++) {
      this.#inArray = true;
      this.#member = undefined;
      this.value(resolved, element, at + index * size, bit);
      this.#inArray = false;
      this.#member = undefined;
    }
    this.#characters = false;
    this.#terminated = false;
    this.#close("]");
  }

  #int(id: number, at: number, bit: number): void {
    const { encoding, bitOffset, bits } = this.#types.int(id);
    const signed = (encoding & BtfIntEncoding.Signed) !== 0;
    const whole = bit === 0 && bitOffset === 0 && (bits === 8 || bits === 16 || bits === 32 || bits === 64);
    if (!whole) {
      const from = bit + bitOffset;
      return this.#bits(at + (from >> 3), from & 7, bits);
    }
    if (bits === 8 && this.#characters) {
      const character = this.#bytes[at]!;
      if (this.#terminated) return;
      if (character === 0) {
        this.#terminated = true;
        return;
      }
      if (isPrintable(character)) return this.#show(`'${String.fromCharCode(character)}'`, true);
    }
    const value = this.#number(at, 0, bits);
    this.#show(String(signed ? BigInt.asIntN(bits, value) : value), value !== 0n);
  }

  #bits(at: number, bit: number, size: number): void {
    const value = this.#number(at, bit, size);
    this.#show(`0x${value.toString(16)}`, value !== 0n);
  }

  #enum(id: number, wide: boolean, at: number): void {
    const types = this.#types;
    const value = wide ? this.#view.getBigInt64(at, true) : BigInt(this.#view.getInt32(at, true));
    const bits = wide ? 64 : 32;
    for (let index = 0; index < types.vlen(id); index++)
      if (BigInt.asIntN(bits, BigInt(types.enumeratorValue(id, index))) === value)
        return this.#show(types.enumeratorName(id, index), true);
    this.#show(String(types.kindFlag(id) ? value : BigInt.asUintN(bits, value)), value !== 0n);
  }

  /** Bits of little-endian memory, as a number without a sign. */
  #number(at: number, bit: number, size: number): bigint {
    let value = 0n;
    for (let index = Math.ceil((bit + size) / 8); index-- > 0;)
      value = (value << 8n) | BigInt(this.#bytes[at + index] ?? 0);
    return BigInt.asUintN(size, value >> BigInt(bit));
  }

  #scalar(id: number, declared: number, show: () => void): void {
    this.#begin(id, declared);
    show();
    this.#end();
  }

  #begin(id: number, declared: number): void {
    this.#type = id;
    this.#named = declared;
  }

  #end(): void {
    this.#type = undefined;
    this.#named = 0;
  }

  #open(id: number, declared: number): void {
    this.#begin(id, declared);
    this.#write(`${this.#indent()}${this.#name()}${this.#newline()}`);
    this.#depth++;
  }

  #close(bracket: string): void {
    this.#depth--;
    this.#write(`${this.#indent()}${bracket}${this.#delimiter()}${this.#newline()}`);
    this.#end();
  }

  /** A scalar, if it is not nothing. */
  #show(text: string, something: boolean): void {
    if (!something && (this.#flags & SHOW.ZERO) === 0 && this.#depth > 0) return;
    if (this.#asking === 0)
      this.#write(`${this.#indent()}${this.#name()}${text}${this.#delimiter()}${this.#newline()}`);
    this.#deepest = Math.max(this.#deepest, this.#depth);
  }

  #write(text: string): void {
    if (this.#asking === 0) this.text += text;
  }

  get #compact(): boolean {
    return (this.#flags & SHOW.COMPACT) !== 0;
  }

  #indent(): string {
    return this.#compact ? "" : " ".repeat(Math.min(this.#depth, WIDEST_INDENT));
  }

  #newline(): string {
    return this.#compact ? "" : "\n";
  }

  #delimiter(): string {
    if (this.#depth === 0) return "";
    const union = this.#type !== undefined && this.#types.kind(this.#type) === BtfKind.Union;
    return this.#compact && union ? "|" : ",";
  }

  /** `.member = (struct name *)`, and the bracket that opens what has members. */
  #name(): string {
    // Elements of arrays have their type from the array.
    if (this.#inArray) return "";
    const types = this.#types;
    const member = this.#member;
    const before = member && member.name !== "" ? `.${member.name} = ` : "";
    let name: string | undefined;
    let pointers = "";
    let arrays = "";
    let id = member ? member.type : this.#named;
    let nesting = 0;
    for (; nesting < MOST_NESTING; nesting++) {
      const kind = types.kind(id);
      if (kind === BtfKind.Typedef) name ??= types.name(id);
      else if (kind === BtfKind.Array) arrays += "[]";
      else if (kind === BtfKind.Ptr) pointers += "*";
      else break;
      const next = kind === BtfKind.Array ? types.array(id).element : types.target(id);
      if (next === 0) {
        id = 0;
        break;
      }
      id = types.skipModifiers(next);
    }
    if (nesting === MOST_NESTING) return "";
    const typedef = name !== undefined;
    const kind = types.kind(id);
    const composite = kind === BtfKind.Struct || kind === BtfKind.Union;
    const bracket = pointers !== "" ? "" : arrays !== "" ? "[" : composite ? "{" : "";
    if ((this.#flags & SHOW.NONAME) !== 0) return bracket;
    const word = typedef ? "" : (WORDS.get(kind) ?? "");
    const shown = name ?? (id === 0 ? "" : types.name(id));
    const space = word !== "" && shown !== "" ? " " : "";
    const stars = pointers === "" ? "" : ` ${pointers}`;
    return `${before}(${word}${space}${shown}${stars}${arrays})${bracket}`.slice(0, LONGEST_NAME);
  }
}

const WORDS: ReadonlyMap<number, string> = new Map([
  [BtfKind.Struct, "struct"],
  [BtfKind.Union, "union"],
  [BtfKind.Enum, "enum"],
  [BtfKind.Enum64, "enum"],
]);

/** btf_type_has_size. */
const SIZED: ReadonlySet<number> = new Set([
  BtfKind.Int,
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Float,
  BtfKind.Datasec,
]);

function isCharacter(types: Btf, id: number): boolean {
  return types.int(id).encoding === BtfIntEncoding.Char;
}

/** isprint of the kernel, for which bytes are ISO 8859-1 (lib/ctype.c). */
function isPrintable(character: number): boolean {
  return (character >= 0x20 && character < 0x7f) || character >= 0xa0;
}
