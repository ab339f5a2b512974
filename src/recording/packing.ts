import { decodeUtf8 } from "../util/index.ts";
import { corrupt } from "./error.ts";

/** Bytes of the longest number: 2^53 - 1. */
const LONGEST = 8;

/**
 * Entries as bytes: numbers in groups of seven bits, the lowest first (LEB128), 64-bit words as they are, texts
 * and bytes behind their length. The buffer is used again after {@link clear}.
 */
export class Packer {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was packed; valid until the next call. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  byte(value: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** From 0 to 2^53 - 1. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Cannot pack the number ${value}`);
    this.#room(LONGEST);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** Also below 0, within 2^52: 0, -1, 1, -2, … are 0, 1, 2, 3, … */
  signed(value: number): this {
    return this.number(value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** 64 bits. */
  word(value: bigint): this {
    this.#room(8);
    this.#view.setBigUint64(this.#length, BigInt.asUintN(64, value), true);
    this.#length += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  chunk(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.chunk(Buffer.from(text));
  }

  #room(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** Reads what a {@link Packer} wrote; whatever the bytes are, a failing read is `recording/corrupt`. */
export class Unpacker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < LONGEST; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw corrupt("a number without an end");
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  word(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** A view of the bytes, not a copy. */
  chunk(): Uint8Array {
    const length = this.number();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(): string {
    const bytes = this.chunk();
    return decodeUtf8(bytes);
  }

  /** The next `length` bytes, for themselves. */
  part(length: number): Unpacker {
    const at = this.#take(length);
    return new Unpacker(this.#bytes, at, at + length);
  }

  #take(size: number): number {
    const at = this.#at;
    if (size > this.#end - at) throw corrupt("an entry ends too early");
    this.#at = at + size;
    return at;
  }
}
