import { BtfIntEncoding, BtfKind } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { formatJson, Members, RawJson } from "./json.ts";
import { prototypeText } from "./prototype.ts";
import type { Json } from "./json.ts";

/** Deeper values than C programs have are a loop in hostile BTF. */
const MAX_DEPTH = 64;

export interface ValueOptions {
  /** Pointers to functions hold ids of programs, as in struct_ops maps: the name of one, if it has any. */
  readonly programName?: (id: number) => string | undefined;
}

/**
 * A value's bytes by their BTF type, as bpftool dumps them. `plain` is the wording of `map dump` without -j:
 * pointers and bitfields are not JSON numbers there.
 */
export function typedValue(
  btf: Btf,
  type: number,
  bytes: Uint8Array,
  plain: boolean,
  options: ValueOptions = {},
): Json {
  return new ValueReader(btf, bytes, plain, options).value(type, 0, 0);
}

/** The same on one line. */
export function typedText(btf: Btf, type: number, bytes: Uint8Array): string {
  return formatJson(typedValue(btf, type, bytes, true), false);
}

class ValueReader {
  readonly #btf: Btf;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #plain: boolean;
  readonly #options: ValueOptions;

  constructor(btf: Btf, bytes: Uint8Array, plain: boolean, options: ValueOptions) {
    this.#btf = btf;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#plain = plain;
    this.#options = options;
  }

  value(type: number, offset: number, depth: number): Json {
    const btf = this.#btf;
    const id = btf.resolve(type);
    if (depth > MAX_DEPTH || offset > this.#bytes.length) return null;
    switch (btf.kind(id)) {
      case BtfKind.Int:
        return this.#int(id, offset);
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return this.#enum(id, offset);
      case BtfKind.Ptr:
        return this.#pointer(id, offset);
      case BtfKind.Float:
        return this.#float(id, offset);
      case BtfKind.Array:
        return this.#array(id, offset, depth);
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#composite(id, offset, depth);
      case BtfKind.Var:
        return new Members([[btf.name(id), this.value(btf.target(id), offset, depth + 1)]]);
      case BtfKind.Datasec: {
        const values = btf
          .sectionVariables(id)
          .map((variable) => this.value(variable.type, offset + variable.offset, depth + 1));
        return new Members([[btf.name(id), values]]);
      }
      default:
        return null;
    }
  }

  #int(id: number, offset: number): Json {
    const { size, encoding, bits } = this.#btf.int(id);
    if (offset + size > this.#bytes.length) return null;
    if (size > 8 || bits !== size * 8)
      return this.#hex(this.#unsigned(offset, size) & ((1n << BigInt(bits)) - 1n));
    if (encoding === BtfIntEncoding.Bool) return this.#bytes[offset] !== 0;
    const value = this.#unsigned(offset, size);
    if (encoding === BtfIntEncoding.Char) return this.#char(Number(value));
    return (encoding & BtfIntEncoding.Signed) !== 0 ? BigInt.asIntN(size * 8, value) : value;
  }

  #char(code: number): Json {
    if (code >= 0x20 && code < 0x7f) return new RawJson(`"${String.fromCharCode(code)}"`);
    const hex = code.toString(16);
    return new RawJson(this.#plain ? `0x${hex}` : String.raw`"\u00${hex.padStart(2, "0")}"`);
  }

  #enum(id: number, offset: number): Json {
    const size = this.#btf.size(id);
    if (offset + size > this.#bytes.length) return null;
    const raw = this.#unsigned(offset, size);
    const signed = BigInt.asIntN(size * 8, raw);
    const known = this.#btf.enumerators(id).find(({ value }) => value === raw || value === signed);
    return known ? known.name : signed;
  }

  #pointer(id: number, offset: number): Json {
    if (offset + 8 > this.#bytes.length) return null;
    const value = this.#unsigned(offset, 8);
    const { programName } = this.#options;
    const target = programName && value <= 0xffff_ffffn ? this.#btf.resolve(this.#btf.target(id)) : 0;
    if (programName && this.#btf.kind(target) === BtfKind.FuncProto)
      return `${prototypeText(this.#btf, target, "")} ${programText(Number(value), programName)}`;
    if (!this.#plain) return value;
    return value === 0n ? "(nil)" : `0x${value.toString(16)}`;
  }

  #float(id: number, offset: number): Json {
    const size = this.#btf.size(id);
    if (offset + size > this.#bytes.length) return null;
    if (size === 4) return this.#view.getFloat32(offset, true);
    return size === 8 ? this.#view.getFloat64(offset, true) : this.#hex(this.#unsigned(offset, size));
  }

  #array(id: number, offset: number, depth: number): Json {
    const { element, length } = this.#btf.array(id);
    const text = this.#text(element, offset, length);
    if (text !== undefined) return text;
    const size = this.#btf.size(element);
    // Hostile lengths: no more elements than there are bytes.
    const count = Math.min(length, size === 0 ? 0 : Math.floor((this.#bytes.length - offset) / size));
    return Array.from({ length: count }, (_, index) => this.value(element, offset + index * size, depth + 1));
  }

  /** An array of char that holds printable text up to a NUL; a typedef of char does not count. */
  #text(element: number, offset: number, length: number): string | undefined {
    const btf = this.#btf;
    const id = btf.skipModifiers(element);
    if (btf.kind(id) !== BtfKind.Int || btf.size(id) !== 1) return undefined;
    if (btf.int(id).encoding !== BtfIntEncoding.Char && btf.name(id) !== "char") return undefined;
    const bytes = this.#bytes.subarray(offset, offset + length);
    const end = bytes.indexOf(0);
    if (end < 0) return undefined;
    const text = bytes.subarray(0, end);
    return text.every((byte) => byte > 0x1f && byte < 0x7f)
      ? Buffer.from(text).toString("latin1")
      : undefined;
  }

  #composite(id: number, offset: number, depth: number): Json {
    return new Members(
      this.#btf.members(id).map((member) => {
        const at = offset + (member.bitOffset >>> 3);
        const value =
          member.bitSize > 0
            ? this.#bitfield(offset, member.bitOffset, member.bitSize)
            : this.value(member.type, at, depth + 1);
        return [member.name, value] as const;
      }),
    );
  }

  #bitfield(offset: number, bitOffset: number, bits: number): Json {
    const start = offset + (bitOffset >>> 3);
    const shift = bitOffset & 7;
    const size = Math.min(Math.ceil((shift + bits) / 8), this.#bytes.length - start);
    return this.#hex((this.#unsigned(start, size) >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n));
  }

  #hex(value: bigint): Json {
    const text = `0x${value.toString(16)}`;
    return new RawJson(this.#plain ? text : `"${text}"`);
  }

  #unsigned(offset: number, size: number): bigint {
    switch (size) {
      case 1:
        return BigInt(this.#view.getUint8(offset));
      case 2:
        return BigInt(this.#view.getUint16(offset, true));
      case 4:
        return BigInt(this.#view.getUint32(offset, true));
      case 8:
        return this.#view.getBigUint64(offset, true);
      default: {
        let value = 0n;
        for (let index = size - 1; index >= 0; index--)
          value = (value << 8n) | BigInt(this.#bytes[offset + index]!);
        return value;
      }
    }
  }
}

/** `0` for a function that is not there. */
function programText(id: number, nameOf: (id: number) => string | undefined): string {
  return id === 0 ? "0" : `${nameOf(id) ?? "<unknown_prog_name>"}/prog_id:${id}`;
}
