import type { Memory } from "../util/index.ts";

/** Texts up to this many bytes are remembered: names of tasks, of devices, of functions. */
const LONGEST = 32;
const WORDS = LONGEST / 4;
const SLOTS = 256;

/**
 * Reads char[N]. The short texts of records are few and come again and again: comparing their words with those
 * of the last one of the same hash takes a quarter of the time of making the string anew.
 */
export class TextReader {
  readonly #texts = Array<string | undefined>(SLOTS).fill(undefined);
  readonly #counts = new Uint8Array(SLOTS);
  readonly #words = new Int32Array(SLOTS * WORDS);
  readonly #current = new Int32Array(WORDS);

  /** Text of [at, end) up to the first NUL; what is not UTF-8 becomes U+FFFD. */
  read(memory: Memory, at: number, end: number): string {
    const size = end - at;
    if (size > LONGEST || (size & 3) !== 0) return decode(memory.bytes, at, end);
    const current = this.#current;
    const { view } = memory;
    let hash = 0;
    let count = 0;
    while (count < size >> 2) {
      let word = view.getInt32(at + count * 4, true);
      // The highest bit of each zero byte, and perhaps of some above the first one.
      const zeros = (word - 0x0101_0101) & ~word & 0x8080_8080;
      // What lies behind the NUL is no text.
      if (zeros !== 0) word &= ((zeros & -zeros) >>> 7) - 1;
      current[count++] = word;
      hash = Math.imul(hash ^ word, 0x9e37_79b1);
      if (zeros !== 0) break;
    }
    const slot = hash >>> 24;
    const known = this.#texts[slot];
    if (known !== undefined && this.#counts[slot] === count && this.#equals(slot * WORDS, count))
      return known;
    const text = decode(memory.bytes, at, end);
    this.#texts[slot] = text;
    this.#counts[slot] = count;
    this.#words.set(current, slot * WORDS);
    return text;
  }

  #equals(base: number, count: number): boolean {
    for (let index = 0; index < count; index++)
      if (this.#words[base + index] !== this.#current[index]) return false;
    return true;
  }
}

function decode(bytes: Buffer, at: number, end: number): string {
  let stop = at;
  let all = 0;
  for (; stop < end; stop++) {
    const code = bytes[stop]!;
    if (code === 0) break;
    all |= code;
  }
  return bytes.toString(all < 0x80 ? "latin1" : "utf8", at, stop);
}
