import { BpfkitError } from "../errors.ts";

/** A read beyond the end of the bytes at hand; where and how much is in the message. */
export class OutOfBoundsError extends BpfkitError {
  override readonly name = "OutOfBoundsError";
  readonly offset: number;
  readonly size: number;

  constructor(offset: number, size: number, available: number) {
    super(`Read of ${size} bytes at offset ${offset} is outside the ${available} bytes there are`, {
      code: "bytes/out-of-bounds",
    });
    this.offset = offset;
    this.size = size;
  }
}

/** Random-access reads with bounds checks; every failing read throws {@link OutOfBoundsError}. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, littleEndian = true) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    this.#check(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#check(offset, 2);
    return this.#view.getUint16(offset, this.littleEndian);
  }

  u32(offset: number): number {
    this.#check(offset, 4);
    return this.#view.getUint32(offset, this.littleEndian);
  }

  i32(offset: number): number {
    this.#check(offset, 4);
    return this.#view.getInt32(offset, this.littleEndian);
  }

  u64(offset: number): bigint {
    this.#check(offset, 8);
    return this.#view.getBigUint64(offset, this.littleEndian);
  }

  i64(offset: number): bigint {
    this.#check(offset, 8);
    return this.#view.getBigInt64(offset, this.littleEndian);
  }

  /** A u64 that counts bytes or is an offset; beyond 2^53 it cannot lie within any file, so it throws. */
  size64(offset: number): number {
    this.#check(offset, 8);
    const [low, high] = this.littleEndian ? [offset, offset + 4] : [offset + 4, offset];
    const value =
      this.#view.getUint32(high, this.littleEndian) * 0x1_0000_0000 +
      this.#view.getUint32(low, this.littleEndian);
    if (!Number.isSafeInteger(value)) throw new OutOfBoundsError(value, 0, this.length);
    return value;
  }

  /** A view, not a copy. */
  slice(offset: number, size: number): Uint8Array {
    this.#check(offset, size);
    return this.bytes.subarray(offset, offset + size);
  }

  /** NUL-terminated text; without a NUL before the end the read is out of bounds. */
  cstring(offset: number): string {
    this.#check(offset, 1);
    const end = this.bytes.indexOf(0, offset);
    if (end < 0) throw new OutOfBoundsError(offset, this.length - offset + 1, this.length);
    return decodeUtf8(this.bytes, offset, end);
  }

  #check(offset: number, size: number): void {
    if (!(offset >= 0 && size >= 0 && offset + size <= this.length))
      throw new OutOfBoundsError(offset, size, this.length);
  }
}

/** Bytes that grow at the end; little-endian unless told otherwise. */
export class ByteWriter {
  readonly littleEndian: boolean;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256, littleEndian = true) {
    this.littleEndian = littleEndian;
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far, which is the offset of the next write. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, this.littleEndian);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, this.littleEndian);
    return this;
  }

  u64(value: bigint | number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), this.littleEndian);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  cstring(text: string): this {
    return this.raw(encodeUtf8(text)).u8(0);
  }

  /** Zero bytes up to the next multiple of `size`. */
  align(size: number): this {
    this.#grow((size - (this.#length % size)) % size);
    return this;
  }

  /** Overwrites four bytes that were written before. */
  patchU32(offset: number, value: number): void {
    if (offset + 4 > this.#length) throw new OutOfBoundsError(offset, 4, this.#length);
    this.#view.setUint32(offset, value, this.littleEndian);
  }

  /** What was written, as a copy. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}

const encoder = new TextEncoder();

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Text of `bytes[start, end)`; what is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8", start, end);
}

/** Text up to the first NUL, or all of it: fixed-size name fields. */
export function decodeFixedString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeUtf8(bytes, 0, end < 0 ? bytes.length : end);
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
