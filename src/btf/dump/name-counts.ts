import { compareTexts } from "./name-order.ts";

const FIRST_SIZE = 1 << 12;

/** How often each text was counted, by the bytes at an offset: equal texts at two offsets are one. */
export class NameCounts {
  readonly #strings: Uint8Array;
  /** Offsets plus one, hashed; 0 is free. */
  #slots = new Uint32Array(FIRST_SIZE);
  #counts = new Uint32Array(FIRST_SIZE);
  #used = 0;

  constructor(strings: Uint8Array) {
    this.#strings = strings;
  }

  /** Counts the text, and returns how often it was by now. */
  next(offset: number): number {
    if (this.#used * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(offset);
    if (this.#slots[slot] === 0) {
      this.#slots[slot] = offset + 1;
      this.#used++;
    }
    return ++this.#counts[slot]!;
  }

  #slotOf(offset: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash(offset) & mask;
    for (;;) {
      const known = this.#slots[slot]!;
      if (known === 0 || compareTexts(this.#strings, known - 1, offset) === 0) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** FNV-1a. */
  #hash(offset: number): number {
    let hash = 0x811c_9dc5;
    for (let at = offset, byte = this.#strings[at]!; byte !== 0; byte = this.#strings[++at]!)
      hash = Math.imul(hash ^ byte, 0x0100_0193);
    return hash ^ (hash >>> 15);
  }

  #grow(): void {
    const [slots, counts] = [this.#slots, this.#counts];
    this.#slots = new Uint32Array(slots.length * 2);
    this.#counts = new Uint32Array(slots.length * 2);
    slots.forEach((known, index) => {
      if (known === 0) return;
      const slot = this.#slotOf(known - 1);
      this.#slots[slot] = known;
      this.#counts[slot] = counts[index]!;
    });
  }
}
