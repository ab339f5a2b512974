import { Heap } from "./heap.ts";

/** Upper half of pointers: where Linux on x86-64 has its direct mapping of memory. */
export const POINTER_HIGH: number = 0xffff8880 | 0;
const HIGH = BigInt(POINTER_HIGH >>> 0);

/** What becomes of bytes: something lives there, did so once, or never did. */
export type Life = "live" | "freed" | "nothing";

/**
 * The one memory that programs run in, at an address for each byte. It never grows, so that views of it stay
 * valid. Programs hold pointers: an address with {@link POINTER_HIGH} above it.
 */
export class Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly heap: Heap;
  /** Told of every block that begins or ends. */
  marks: ((address: number, size: number, life: Life) => void) | undefined;
  #scratch: number[] = [];

  constructor(buffer: ArrayBuffer, start: number) {
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.heap = new Heap(this.bytes, start);
  }

  get size(): number {
    return this.bytes.length;
  }

  /** Room for `size` bytes, zeroed. @throws OutOfMemoryError */
  allocate(size: number, alignment?: number): number {
    const address = this.heap.allocate(size, alignment);
    this.marks?.(address, size, "live");
    return address;
  }

  /** Room for what only the kernel itself may touch. */
  allocateHidden(size: number): number {
    const address = this.allocate(size);
    this.marks?.(address, size, "nothing");
    return address;
  }

  free(address: number): void {
    this.marks?.(address, this.heap.sizeAt(address) ?? 0, "freed");
    this.heap.free(address);
  }

  /** A copy of these bytes, for good. */
  store(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length);
    this.bytes.set(bytes, address);
    return address;
  }

  /** @throws RangeError where a program gave an address that is not there */
  slice(address: number, size: number): Uint8Array<ArrayBuffer> {
    if (!this.holds(address, size)) throw new RangeError(`no ${size} bytes at ${address}`);
    return this.bytes.subarray(address, address + size);
  }

  copy(to: number, from: number, size: number): void {
    this.slice(to, size).set(this.slice(from, size));
  }

  u32(address: number): number {
    return this.view.getUint32(address, true);
  }

  setU32(address: number, value: number): void {
    this.view.setUint32(address, value, true);
  }

  u64(address: number): bigint {
    return this.view.getBigUint64(address, true);
  }

  setU64(address: number, value: bigint): void {
    this.view.setBigUint64(address, value, true);
  }

  /** As programs hold it; 0 stays 0. */
  pointer(address: number): bigint {
    return address === 0 ? 0n : (HIGH << 32n) | BigInt(address);
  }

  /** Where a pointer points, if it is one and `size` bytes are there. */
  address(pointer: bigint, size = 1): number | undefined {
    const bits = BigInt.asUintN(64, pointer);
    if (bits >> 32n !== HIGH) return undefined;
    const address = Number(bits & 0xffffffffn);
    return address + size <= this.size ? address : undefined;
  }

  /** Whether `size` bytes at an address, which a program gave, are all there. */
  holds(address: number, size: number): boolean {
    return address >= 0 && size >= 0 && address + size <= this.size;
  }

  /**
   * Runs `use` with these bytes at an address: a system call's key or value, as maps' operations want them.
   */
  with<T>(bytes: Uint8Array, use: (address: number) => T): T {
    const known = this.#scratch.pop();
    // The checked mode wants blocks of the very size.
    const enough = known !== undefined && !this.marks && (this.heap.sizeAt(known) ?? 0) >= bytes.length;
    if (known !== undefined && !enough) this.free(known);
    const address = enough ? known : this.allocate(this.marks ? bytes.length : Math.max(bytes.length, 64));
    try {
      this.bytes.set(bytes, address);
      return use(address);
    } finally {
      this.#scratch.push(address);
    }
  }
}
