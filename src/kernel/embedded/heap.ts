import type { MachineHeap } from "./vm/index.ts";

/** Memory is used up: ENOMEM where a system call asked for it. */
export class OutOfMemoryError extends Error {}

const ALIGNMENT = 16;

/**
 * The part of the machine's memory that maps, contexts and kernel objects live in: blocks of zeroes, given
 * back by address. What it hands out in all is bounded by the memory's size.
 */
export class Heap implements MachineHeap {
  readonly #memory: Uint8Array;
  readonly #end: number;
  /** Above it memory was never used, and is zero. */
  #top: number;
  readonly #sizes = new Map<number, number>();
  /** Free blocks by size. */
  readonly #free = new Map<number, number[]>();

  constructor(memory: Uint8Array, start: number) {
    this.#memory = memory;
    this.#top = roundUp(start, ALIGNMENT);
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
    const wanted = roundUp(Math.max(size, 1), Math.max(alignment, ALIGNMENT));
    const address = this.#takeFree(wanted, alignment) ?? this.#takeNew(wanted, alignment);
    this.#sizes.set(address, wanted);
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

  #takeFree(size: number, alignment: number): number | undefined {
    const blocks = this.#free.get(size);
    const index = blocks?.findLastIndex((address) => address % alignment === 0) ?? -1;
    if (!blocks || index < 0) return undefined;
    const [address] = blocks.splice(index, 1);
    this.#memory.fill(0, address, address! + size);
    return address;
  }

  #takeNew(size: number, alignment: number): number {
    const address = roundUp(this.#top, alignment);
    if (address + size > this.#end) return this.#split(size, alignment);
    if (address > this.#top) this.#leave(this.#top, address - this.#top);
    this.#top = address + size;
    return address;
  }

  /** Cuts a larger free block; the smallest that is large enough. */
  #split(size: number, alignment: number): number {
    const sizes = [...this.#free.keys()].filter((other) => other > size).sort((a, b) => a - b);
    for (const larger of sizes) {
      const blocks = this.#free.get(larger)!;
      const index = blocks.findLastIndex((address) => address % alignment === 0);
      if (index < 0) continue;
      const [address = 0] = blocks.splice(index, 1);
      this.#leave(address + size, larger - size);
      this.#memory.fill(0, address, address + size);
      return address;
    }
    throw new OutOfMemoryError("The embedded kernel's memory is used up");
  }

  #leave(address: number, size: number): void {
    const blocks = this.#free.get(size);
    if (blocks) blocks.push(address);
    else this.#free.set(size, [address]);
  }
}

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
