import { SHADOW } from "./vm/index.ts";
import type { ShadowPlace } from "./vm/index.ts";

/** What becomes of bytes, to programs that are checked. */
export type Life = keyof typeof SHADOW;

const PAGE = 4096;
const UNTOUCHED = Buffer.alloc(PAGE);

/** The state of every byte of programs' memory, which the machine's checks look at. */
export class Shadow {
  readonly place: ShadowPlace;
  readonly #states: Uint8Array;

  /** `buffer`: linear memory that was laid out for it. */
  constructor(buffer: ArrayBuffer, place: ShadowPlace) {
    this.place = place;
    this.#states = new Uint8Array(buffer, place.base);
  }

  mark(address: number, size: number, life: Life): void {
    this.#states.fill(SHADOW[life], address, address + size);
  }

  /** The end of a block: where nobody ever said that something lives nothing is written, so that it costs no memory. */
  end(address: number, size: number): void {
    for (let at = address; at < address + size; at += PAGE) {
      const part = this.#states.subarray(at, Math.min(at + PAGE, address + size));
      if (UNTOUCHED.compare(part, 0, part.length, 0, part.length) !== 0) part.fill(SHADOW.freed);
    }
  }

  at(address: number): number {
    return this.#states[address] ?? SHADOW.nothing;
  }

  /** Whether a program may read, or write, all of these bytes. */
  isThere(address: number, size: number, writes: boolean): boolean {
    const states = this.#states.subarray(address, address + size);
    return states.every((state) => state === SHADOW.live || (state === SHADOW.readonly && !writes));
  }
}
