import { BtfError } from "../error.ts";

const LEAST_SIZE = 1 << 14;
const MOST_SIZE = 1 << 28;
const DIGIT_ZERO = 0x30;
const MINUS = 0x2d;

/** Text as bytes, written one after another: names are copied from where they lie, without becoming strings. */
export class ByteSink {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `size`: bytes that are likely to do. */
  constructor(size: number) {
    this.#bytes = new Uint8Array(Math.max(LEAST_SIZE, Math.min(size, MOST_SIZE)));
  }

  /** ASCII. */
  text(text: string): void {
    const size = text.length;
    if (this.#length + size > this.#bytes.length) this.#grow(size);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < size; index++) bytes[at++] = text.charCodeAt(index);
    this.#length = at;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  /** The bytes of `strings` from an offset to the next NUL. */
  copy(strings: Uint8Array, offset: number): void {
    let bytes = this.#bytes;
    let at = this.#length;
    for (let from = offset, value = strings[from]!; value !== 0; value = strings[++from]!) {
      if (at === bytes.length) {
        this.#length = at;
        this.#grow(1);
        bytes = this.#bytes;
      }
      bytes[at++] = value;
    }
    this.#length = at;
  }

  /** A count below 2^32 in decimal. */
  count(value: number): void {
    let size = 1;
    for (let limit = 10; value >= limit; limit *= 10) size++;
    if (this.#length + size > this.#bytes.length) this.#grow(size);
    this.#length += size;
    for (let at = this.#length, left = value; size > 0; size--) {
      const rest = Math.floor(left / 10);
      this.#bytes[--at] = DIGIT_ZERO + left - rest * 10;
      left = rest;
    }
  }

  /** Of 32 bits, with its sign. */
  integer(value: number): void {
    if (value < 0) this.byte(MINUS);
    this.count(Math.abs(value));
  }

  /** A new line, and so many tabs. */
  line(tabs: number): void {
    if (this.#length + tabs + 1 > this.#bytes.length) this.#grow(tabs + 1);
    this.#bytes[this.#length++] = 0x0a;
    for (let index = 0; index < tabs; index++) this.#bytes[this.#length++] = 0x09;
  }

  get length(): number {
    return this.#length;
  }

  /** What was written since the last time; a view, as long as nothing more is. */
  take(): Uint8Array<ArrayBuffer> {
    const written = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return written;
  }

  #grow(size: number): void {
    const least = this.#length + size;
    if (least > MOST_SIZE) throw new BtfError("btf/too-large", "The text of these types is without end");
    const bytes = new Uint8Array(Math.max(least, this.#bytes.length * 2));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
