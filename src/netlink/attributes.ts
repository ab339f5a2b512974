import { alignUp, ByteReader, ByteWriter, decodeFixedString, OutOfBoundsError } from "../util/index.ts";
import { NLA_F_NESTED, NLA_TYPE_MASK, NLMSG_ALIGN } from "./constants.ts";
import { NetlinkError } from "./error.ts";

/** One attribute to send: a number is a u32, text ends in a NUL, rows are attributes inside. */
export type Attribute = readonly [type: number, value: number | string | Uint8Array | readonly Attribute[]];

const HEADER_SIZE = 4;

export function encodeAttributes(attributes: readonly Attribute[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(64);
  for (const [type, value] of attributes) {
    const payload = encodeValue(value);
    writer
      .u16(HEADER_SIZE + payload.length)
      .u16(isNested(value) ? type | NLA_F_NESTED : type)
      .raw(payload)
      .align(NLMSG_ALIGN);
  }
  return writer.finish();
}

function encodeValue(value: Attribute[1]): Uint8Array {
  if (typeof value === "number") return new ByteWriter(4).u32(value).finish();
  if (typeof value === "string") return new ByteWriter(value.length + 1).cstring(value).finish();
  return isNested(value) ? encodeAttributes(value) : value;
}

function isNested(value: Attribute[1]): value is readonly Attribute[] {
  return Array.isArray(value);
}

/** Attributes that the kernel sent, by their numbers; of several with one number the last counts. */
export class Attributes {
  readonly #values: ReadonlyMap<number, Uint8Array>;

  private constructor(values: ReadonlyMap<number, Uint8Array>) {
    this.#values = values;
  }

  /** @throws NetlinkError `netlink/malformed` */
  static parse(bytes: Uint8Array): Attributes {
    const reader = new ByteReader(bytes);
    const values = new Map<number, Uint8Array>();
    for (let at = 0; at + HEADER_SIZE <= bytes.length;) {
      const length = reader.u16(at);
      if (length < HEADER_SIZE || at + length > bytes.length)
        throw new NetlinkError(
          "netlink/malformed",
          `Attribute at byte ${at} says it has ${length} bytes, of ${bytes.length - at} that there are`,
        );
      values.set(reader.u16(at + 2) & NLA_TYPE_MASK, reader.slice(at + HEADER_SIZE, length - HEADER_SIZE));
      at += alignUp(length, NLMSG_ALIGN);
    }
    return new Attributes(values);
  }

  /** Their numbers, as they came. */
  types(): readonly number[] {
    return [...this.#values.keys()];
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
  }

  u8(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u8(0));
  }

  u32(type: number): number | undefined {
    return this.#read(type, (reader) => reader.u32(0));
  }

  text(type: number): string | undefined {
    const value = this.#values.get(type);
    return value && decodeFixedString(value);
  }

  nested(type: number): Attributes | undefined {
    const value = this.#values.get(type);
    return value && Attributes.parse(value);
  }

  #read<T>(type: number, read: (reader: ByteReader) => T): T | undefined {
    const value = this.#values.get(type);
    if (!value) return undefined;
    try {
      return read(new ByteReader(value));
    } catch (error) {
      if (!(error instanceof OutOfBoundsError)) throw error;
      throw new NetlinkError("netlink/malformed", `Attribute ${type} is too short: ${error.message}`);
    }
  }
}
