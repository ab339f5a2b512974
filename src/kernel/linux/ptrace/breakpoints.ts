import type { RegisterLayout } from "./registers.ts";
import { LONGEST_INSTRUCTION } from "./x64-instruction.ts";
import type { Step } from "./x64-step.ts";

/** What breakpoints need of the memory that they are in. */
export interface CodeMemory {
  read(pid: number, address: bigint, length: number): Uint8Array;
  write(pid: number, address: bigint, bytes: Uint8Array): boolean;
}

interface Place {
  /** What was there: the instruction, and more. */
  readonly code: Uint8Array;
  /** How the instruction is made away from its place; absent: it cannot be. */
  readonly step?: Step;
  /** Who wants it there. */
  users: number;
}

/** The memory of one process, or of several as between vfork(2) and execve(2). */
interface Space {
  readonly places: Map<bigint, Place>;
  slot?: Slot;
}

/** A place in a process's memory where copies of instructions can be run. */
export interface Slot {
  readonly address: bigint;
  /** What belongs there, where something does. */
  readonly restore?: Uint8Array;
  /** What it holds now. */
  holds?: Uint8Array | undefined;
}

/** Breakpoints in the code of processes: each memory has its own, of which a forked one is a copy. */
export class Breakpoints {
  readonly #layout: RegisterLayout;
  readonly #memory: CodeMemory;
  readonly #spaces = new Map<number, Space>();

  constructor(layout: RegisterLayout, memory: CodeMemory) {
    this.#layout = layout;
    this.#memory = memory;
  }

  /** It stays until it is removed as often. False where there is no code that could be stepped over. */
  insert(process: number, address: bigint): boolean {
    const places = this.#space(process).places;
    const known = places.get(address);
    if (known) {
      known.users++;
      return true;
    }
    const code = this.#memory.read(process, address, LONGEST_INSTRUCTION);
    const { breakpoint, planStep } = this.#layout;
    const step = planStep?.(code);
    if (code.length < breakpoint.length || (planStep && !step)) return false;
    if (!this.#memory.write(process, address, Uint8Array.from(breakpoint))) return false;
    places.set(address, { code, users: 1, ...(step && { step }) });
    return true;
  }

  remove(process: number, address: bigint): void {
    const places = this.#spaces.get(process)?.places;
    const place = places?.get(address);
    if (!places || !place || --place.users > 0) return;
    this.#restore(process, address, place.code);
    places.delete(address);
  }

  /** Takes all of a process's out of its code. */
  removeAll(process: number): void {
    for (const [address, { code }] of this.#spaces.get(process)?.places ?? [])
      this.#restore(process, address, code);
  }

  has(process: number, address: bigint): boolean {
    return this.#spaces.get(process)?.places.has(address) === true;
  }

  /** How the instruction under a breakpoint is made. */
  step(process: number, address: bigint): Step | undefined {
    return this.#spaces.get(process)?.places.get(address)?.step;
  }

  slot(process: number): Slot | undefined {
    return this.#spaces.get(process)?.slot;
  }

  setSlot(process: number, slot: Slot): void {
    this.#space(process).slot = slot;
  }

  /** There are some, or there were. */
  any(process: number): boolean {
    return this.#spaces.has(process);
  }

  /** Whether a breakpoint lies in memory, be it ours or the program's own. */
  lies(process: number, address: bigint): boolean {
    const { breakpoint } = this.#layout;
    const there = this.#memory.read(process, address, breakpoint.length);
    return there.length === breakpoint.length && there.every((byte, index) => byte === breakpoint[index]);
  }

  /** A child has its parent's memory, or a copy of it. */
  inherit(parent: number, child: number, shared: boolean): void {
    if (child === parent) return;
    const space = shared ? this.#space(parent) : this.#spaces.get(parent);
    if (!space) return;
    const copy = (): Space => ({
      places: new Map([...space.places].map(([address, place]) => [address, { ...place }])),
      ...(space.slot && { slot: { ...space.slot } }),
    });
    this.#spaces.set(child, shared ? space : copy());
  }

  /** Something else has been mapped there. */
  forgetRange(process: number, start: bigint, end: bigint): void {
    const places = this.#spaces.get(process)?.places;
    for (const address of places?.keys() ?? [])
      if (address >= start && address < end) places?.delete(address);
  }

  /** The process has other memory now, or is gone. */
  forget(process: number): void {
    this.#spaces.delete(process);
  }

  /** Puts the code back, for one step; the answer puts the breakpoint in again. */
  lift(process: number, address: bigint): () => void {
    const place = this.#spaces.get(process)?.places.get(address);
    if (place) this.#restore(process, address, place.code);
    return () => {
      if (this.has(process, address))
        this.#memory.write(process, address, Uint8Array.from(this.#layout.breakpoint));
    };
  }

  #space(process: number): Space {
    const known = this.#spaces.get(process);
    if (known) return known;
    const space: Space = { places: new Map() };
    this.#spaces.set(process, space);
    return space;
  }

  /** Code that has been written anew since, as of a just-in-time compiler, stays. */
  #restore(process: number, address: bigint, code: Uint8Array): void {
    if (this.lies(process, address))
      this.#memory.write(process, address, code.subarray(0, this.#layout.breakpoint.length));
  }
}
