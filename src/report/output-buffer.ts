const ZERO = 48;
const MINUS = 45;
const BILLION = 1e9;
/** Longest 64-bit number in any base: 22 octal digits. */
export const NUMBER_ROOM = 24;

/**
 * Output bytes in the making. Callers reserve room once a record and then write without checks; the owner
 * flushes `bytes.subarray(0, length)` and calls {@link clear}.
 */
export class OutputBuffer {
  bytes: Buffer;
  length = 0;

  constructor(capacity: number = 64 * 1024) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  clear(): void {
    this.length = 0;
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** Bytes of text, one char code each (ISO 8859-1). */
  latin1(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, "latin1");
  }

  utf8(text: string): void {
    this.reserve(text.length * 3);
    this.length += this.bytes.write(text, this.length, "utf8");
  }

  /** Room must be reserved. */
  copy(source: Uint8Array): void {
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** Room must be reserved. */
  fill(byte: number, count: number): void {
    for (let left = count; left > 0; left--) this.bytes[this.length++] = byte;
  }

  /** A whole number from 0 to 2^53 in decimal; room must be reserved. */
  unsigned(value: number): void {
    if (value >= BILLION) {
      const high = Math.floor(value / BILLION);
      this.unsigned(high);
      this.#digits(value - high * BILLION, 9);
      return;
    }
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    this.#digits(value, digits);
  }

  /** A whole number from -2^53 to 2^53 in decimal; room must be reserved. */
  signed(value: number): void {
    if (value < 0) {
      this.bytes[this.length++] = MINUS;
      this.unsigned(-value);
    } else {
      this.unsigned(value);
    }
  }

  #digits(value: number, digits: number): void {
    let rest = value;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const next = (rest / 10) | 0;
      this.bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.length += digits;
  }
}
