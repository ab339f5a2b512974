import type { MachineHeap } from "./vm/index.ts";

/** Memory is used up: ENOMEM where a system call asked for it. */
export class OutOfMemoryError extends Error {}

const ALIGNMENT = 16;

/**
 * The part of the machine's memory that maps, contexts and kernel objects live in: blocks of zeroes, given
 * back by address. Free blocks that lie beside each other become one. What it hands out in all is bounded by the
 * memory's size.
 */
export class Heap implements MachineHeap {
  readonly #memory: Uint8Array;
  readonly #end: number;
  /** Above it nothing is in use. */
  #top: number;
  /** Above it nothing was ever used, and all is zero. */
  #touched: number;
  readonly #sizes = new Map<number, number>();
  /** Free blocks below the top: size by address, address by end, addresses by size. */
  readonly #free = new Map<number, number>();
  readonly #freeByEnd = new Map<number, number>();
  readonly #freeBySize = new Map<number, Set<number>>();

  constructor(memory: Uint8Array, start: number) {
    this.#memory = memory;
    this.#top = roundUp(start, ALIGNMENT);
    this.#touched = this.#top;
    this.#end = memory.length;
  }

  /** Bytes in use. */
  get used(): number {
    let sum = 0;
    for (const size of this.#sizes.values()) sum += size;
    return sum;
  }

  /** @throws OutOfMemoryError */
  allocate(size: number, alignment: number = ALIGNMENT): number {
    const wanted = roundUp(Math.max(size, 1), ALIGNMENT);
    const address =
      this.#takeExact(wanted, alignment) ??
      this.#takeTop(wanted, alignment) ??
      this.#takePart(wanted, alignment);
    if (address === undefined) throw new OutOfMemoryError("The embedded kernel's memory is used up");
    this.#sizes.set(address, wanted);
    this.#memory.fill(0, address, Math.min(address + wanted, this.#touched));
    this.#touched = Math.max(this.#touched, address + wanted);
    return address;
  }

  free(address: number): void {
    const size = this.#sizes.get(address);
    if (size === undefined) throw new Error(`no block at ${address}`);
    this.#sizes.delete(address);
    this.#leave(address, size);
  }

  /** Size of the block that begins at an address, if one does. */
  sizeAt(address: number): number | undefined {
    return this.#sizes.get(address);
  }

  #takeExact(size: number, alignment: number): number | undefined {
    for (const address of this.#freeBySize.get(size) ?? [])
      if (address % alignment === 0) {
        this.#forget(address, size);
        return address;
      }
    return undefined;
  }

  #takeTop(size: number, alignment: number): number | undefined {
    const address = roundUp(this.#top, alignment);
    if (address + size > this.#end) return undefined;
    const before = this.#top;
    this.#top = address + size;
    if (address > before) this.#leave(before, address - before);
    return address;
  }

  /** Cuts a free block, the smallest that is large enough. */
  #takePart(size: number, alignment: number): number | undefined {
    const larger = [...this.#freeBySize.keys()].filter((other) => other > size).sort((a, b) => a - b);
    for (const whole of larger)
      for (const start of this.#freeBySize.get(whole)!) {
        const address = roundUp(start, alignment);
        const rest = start + whole - address - size;
        if (rest < 0) continue;
        this.#forget(start, whole);
        if (address > start) this.#leave(start, address - start);
        if (rest > 0) this.#leave(address + size, rest);
        return address;
      }
    return undefined;
  }

  #leave(address: number, size: number): void {
    let start = address;
    let end = address + size;
    const before = this.#freeByEnd.get(start);
    if (before !== undefined) {
      this.#forget(before, start - before);
      start = before;
    }
    const after = this.#free.get(end);
    if (after !== undefined) {
      this.#forget(end, after);
      end += after;
    }
    if (end === this.#top) {
      this.#top = start;
      return;
    }
    this.#free.set(start, end - start);
    this.#freeByEnd.set(end, start);
    const same = this.#freeBySize.get(end - start);
    if (same) same.add(start);
    else this.#freeBySize.set(end - start, new Set([start]));
  }

  #forget(address: number, size: number): void {
    this.#free.delete(address);
    this.#freeByEnd.delete(address + size);
    const same = this.#freeBySize.get(size);
    same?.delete(address);
    if (same?.size === 0) this.#freeBySize.delete(size);
  }
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
