import { Heap } from "./heap.ts";
import type { Shadow } from "./shadow.ts";

/** Upper half of pointers: where Linux on x86-64 has its direct mapping of memory. */
export const POINTER_HIGH: number = 0xffff8880 | 0;
const HIGH = BigInt(POINTER_HIGH >>> 0);

/** A block that is used again and again, and how many of its bytes programs may reach. */
interface Scratch {
  readonly address: number;
  shared: number;
}

/** Bytes of the smallest block for scratch. */
const LEAST_SCRATCH = 64;

/**
 * The one memory that programs run in, at an address for each byte. It never grows, so that views of it stay
 * valid. Programs hold pointers: an address with {@link POINTER_HIGH} above it.
 */
export class Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly heap: Heap;
  /** In the checked mode: what programs may reach. */
  readonly shadow: Shadow | undefined;
  readonly #scratch: Scratch[] = [];
  readonly #sharedScratch: Scratch[] = [];

  /** `size` bytes of the buffer; behind them lies the shadow, if there is one. */
  constructor(buffer: ArrayBuffer, start: number, size: number, shadow?: Shadow) {
    this.bytes = new Uint8Array(buffer, 0, size);
    this.view = new DataView(buffer, 0, size);
    this.heap = new Heap(this.bytes, start);
    this.shadow = shadow;
  }

  get size(): number {
    return this.bytes.length;
  }

  /** Room for `size` bytes, zeroed, that only the kernel itself uses. @throws OutOfMemoryError */
  allocate(size: number, alignment?: number): number {
    return this.heap.allocate(size, alignment);
  }

  /** Room that programs may read, and write unless it is said otherwise. @throws OutOfMemoryError */
  allocateShared(size: number, as: "live" | "readonly" = "live"): number {
    const address = this.heap.allocate(size);
    this.shadow?.mark(address, size, as);
    return address;
  }

  free(address: number): void {
    this.shadow?.end(address, this.heap.sizeAt(address) ?? 0);
    this.heap.free(address);
  }

  /** A copy of these bytes, for good, that programs may read and write. */
  store(bytes: Uint8Array): number {
    const address = this.allocateShared(bytes.length);
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
    const scratch = this.#take(this.#scratch, bytes.length);
    try {
      this.bytes.set(bytes, scratch.address);
      return use(scratch.address);
    } finally {
      this.#scratch.push(scratch);
    }
  }

  /** The same with bytes that a program may read and write: a context, a key for a callback. */
  withShared<T>(bytes: Uint8Array, use: (address: number) => T): T {
    const scratch = this.#take(this.#sharedScratch, bytes.length);
    const { address } = scratch;
    if (this.shadow && scratch.shared !== bytes.length) {
      this.shadow.mark(address, scratch.shared, "nothing");
      this.shadow.mark(address, bytes.length, "live");
      scratch.shared = bytes.length;
    }
    try {
      this.bytes.set(bytes, address);
      return use(address);
    } finally {
      this.#sharedScratch.push(scratch);
    }
  }

  #take(from: Scratch[], size: number): Scratch {
    const known = from.pop();
    if (known && (this.heap.sizeAt(known.address) ?? 0) >= size) return known;
    if (known) this.free(known.address);
    return { address: this.allocate(Math.max(size, LEAST_SCRATCH)), shared: 0 };
  }
}
