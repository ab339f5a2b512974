import type { RegisterFile, RegisterLayout } from "./registers.ts";

/** What breakpoints need of the memory that they are in. */
export interface CodeMemory {
  read(pid: number, address: bigint, length: number): Uint8Array;
  write(pid: number, address: bigint, bytes: Uint8Array): boolean;
}

/** Bytes kept of the code at a breakpoint: enough for the instructions that are emulated. */
const KEPT = 4;

/** Breakpoints in the code of processes: each process has its own, which its children inherit with its memory. */
export class Breakpoints {
  readonly #layout: RegisterLayout;
  readonly #memory: CodeMemory;
  /** By process, then by address: the code that was there. */
  readonly #processes = new Map<number, Map<bigint, Uint8Array>>();

  constructor(layout: RegisterLayout, memory: CodeMemory) {
    this.#layout = layout;
    this.#memory = memory;
  }

  /** False where there is no code. */
  insert(process: number, address: bigint): boolean {
    const known = this.#processes.get(process) ?? new Map<bigint, Uint8Array>();
    if (known.has(address)) return true;
    const code = this.#memory.read(process, address, KEPT);
    const { breakpoint } = this.#layout;
    if (code.length < breakpoint.length || !this.#memory.write(process, address, Uint8Array.from(breakpoint)))
      return false;
    known.set(address, code);
    this.#processes.set(process, known);
    return true;
  }

  remove(process: number, address: bigint): void {
    if (this.#restore(process, address)) this.#processes.get(process)?.delete(address);
  }

  /** Takes all of a process's out of its code. */
  removeAll(process: number): void {
    for (const address of this.#processes.get(process)?.keys() ?? []) this.#restore(process, address);
  }

  has(process: number, address: bigint): boolean {
    return this.#processes.get(process)?.has(address) === true;
  }

  any(process: number): boolean {
    return (this.#processes.get(process)?.size ?? 0) > 0;
  }

  /** A child has its parent's memory. */
  inherit(parent: number, child: number): void {
    const known = this.#processes.get(parent);
    if (known && known.size > 0) this.#processes.set(child, new Map(known));
  }

  /** The process has other memory now, or is gone. */
  forget(process: number): void {
    this.#processes.delete(process);
  }

  /** Does what the instruction under a breakpoint does, if that is simple; false: it must be stepped over. */
  emulate(process: number, address: bigint, registers: RegisterFile): boolean {
    const code = this.#processes.get(process)?.get(address);
    const emulated = code && this.#layout.emulate?.(code);
    if (!emulated) return false;
    if (emulated.push !== undefined) {
      const bytes = new Uint8Array(BigUint64Array.of(registers.words[emulated.push]!).buffer);
      const top = registers.stackPointer - 8n;
      if (!this.#memory.write(process, top, bytes)) return false;
      registers.stackPointer = top;
    }
    registers.instructionPointer = address + BigInt(emulated.size);
    return true;
  }

  /** Puts the code back, for one step; the answer puts the breakpoint in again, unless it was removed meanwhile. */
  lift(process: number, address: bigint): () => void {
    this.#restore(process, address);
    return () => {
      if (this.has(process, address))
        this.#memory.write(process, address, Uint8Array.from(this.#layout.breakpoint));
    };
  }

  #restore(process: number, address: bigint): boolean {
    const code = this.#processes.get(process)?.get(address);
    return (
      code !== undefined &&
      this.#memory.write(process, address, code.subarray(0, this.#layout.breakpoint.length))
    );
  }
}
