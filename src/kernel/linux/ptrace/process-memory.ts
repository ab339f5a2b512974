import type { Native } from "../native.ts";
import type { SyscallNumbers } from "../syscalls.ts";

const SCRATCH = 64 * 1024;
const PAGE = 4096;

/** Memory of other processes, through one buffer that the kernel knows by address. */
export class ProcessMemory {
  readonly #native: Native;
  readonly #numbers: SyscallNumbers;
  readonly #scratch = new Uint8Array(SCRATCH);
  /** struct iovec: ours, then the process's. */
  readonly #vectors = new BigUint64Array(4);
  readonly #scratchAddress: bigint;
  readonly #ours: number;
  readonly #theirs: number;

  constructor(native: Native, numbers: SyscallNumbers) {
    this.#native = native;
    this.#numbers = numbers;
    this.#scratchAddress = native.address(this.#scratch);
    this.#ours = Number(native.address(new Uint8Array(this.#vectors.buffer)));
    this.#theirs = this.#ours + 16;
  }

  read(pid: number, address: bigint, length: number): Uint8Array {
    if (length <= SCRATCH) return this.#scratch.slice(0, this.#fill(pid, address, length));
    const parts: Uint8Array[] = [];
    for (let at = 0; at < length; at += SCRATCH) {
      const wanted = Math.min(SCRATCH, length - at);
      const size = this.#fill(pid, address + BigInt(at), wanted);
      parts.push(this.#scratch.slice(0, size));
      if (size < wanted) break;
    }
    return Buffer.concat(parts);
  }

  /** Reads what is there: process_vm_readv(2) copies whole vectors' pages, so a second try ends at the page. */
  #fill(pid: number, address: bigint, length: number): number {
    let size = Math.max(this.#transfer(pid, address, length), 0);
    while (size < length) {
      const at = address + BigInt(size);
      const toPageEnd = PAGE - Number(at % BigInt(PAGE));
      const more = this.#transfer(pid, at, Math.min(toPageEnd, length - size), size);
      if (more <= 0) break;
      size += more;
    }
    return size;
  }

  #transfer(pid: number, address: bigint, length: number, at = 0): number {
    if (length === 0) return 0;
    this.#vectors[0] = this.#scratchAddress + BigInt(at);
    this.#vectors[1] = BigInt(length);
    this.#vectors[2] = BigInt.asUintN(64, address);
    this.#vectors[3] = BigInt(length);
    return this.#native.syscall(this.#numbers.process_vm_readv, pid, this.#ours, 1, this.#theirs, 1, 0);
  }
}
