import type { ProcessTracer, Registers } from "../../index.ts";
import { PendingReturns } from "./pending-returns.ts";
import { ProbedFiles } from "./probed-files.ts";
import type { Location, Mapping, ProbedFile, UserHook } from "./probed-files.ts";

/** What a hit means: the names of the hooks to raise. */
export interface Hit {
  readonly hooks: readonly string[];
  readonly registers: Registers;
}

/** A call of mmap(2) that may bring code that is probed. */
export interface CodeMapping {
  /** "unknown": any. */
  readonly file: ProbedFile | "unknown";
  readonly length: bigint;
  readonly offset: bigint;
  readonly writable: boolean;
  readonly executable: boolean;
}

/** What is in one process. */
interface Placed {
  /** By address. */
  readonly entries: Map<bigint, Location>;
  /** Counters that have been raised: where they are. */
  readonly counters: Map<Location, bigint>;
}

/** CLONE_*, include/uapi/linux/sched.h */
const CLONE = { VM: 0x100n, VFORK: 0x4000n, THREAD: 0x1_0000n } as const;
const PROT = { WRITE: 2n, EXEC: 4n } as const;
const MAP_ANONYMOUS = 0x20n;

/**
 * uprobes, uretprobes and static probes by breakpoints: put where a process has the file in its memory, whenever it maps
 * code. Counters of static probes are raised where the process has them, as the kernel does (kernel/events/uprobes.c).
 */
export class UserProbes {
  readonly #files = new ProbedFiles();
  readonly #returns: PendingReturns;
  /** By process. */
  readonly #placed = new Map<number, Placed>();

  constructor(arch: string) {
    this.#returns = new PendingReturns(arch);
  }

  get any(): boolean {
    return this.#files.any;
  }

  /** Mappings of data are looked at, too. */
  get counted(): boolean {
    return this.#files.counted;
  }

  /**
   * False if there is no such file.
   * @throws KernelFailure EINVAL where the place has another counter already
   */
  add(name: string, hook: UserHook): boolean {
    return this.#files.add(name, hook) !== undefined;
  }

  remove(tracer: ProcessTracer | undefined, name: string): void {
    const location = this.#files.remove(name);
    if (!location || !tracer) return;
    this.#returns.forgetLocation(tracer, location);
    for (const [process, { entries, counters }] of this.#placed) {
      for (const [address, other] of entries)
        if (other === location && entries.delete(address)) tracer.clearBreakpoint(process, address);
      const counter = counters.get(location);
      counters.delete(location);
      if (counter !== undefined) count(tracer, process, counter, -1);
    }
  }

  /** Puts breakpoints into what the process has in its memory now. */
  place(tracer: ProcessTracer, process: number): void {
    const placed = this.#of(process);
    const mappings = this.#files.mappings(process);
    for (const mapping of mappings) this.#placeIn(tracer, process, placed, mapping);
  }

  /** Puts them into the processes that are known already. */
  placeAll(tracer: ProcessTracer): void {
    for (const process of this.#placed.keys()) this.place(tracer, process);
  }

  /** What a call of mmap(2) will bring, if that is of interest. */
  mapping(pid: number, args: BigUint64Array): CodeMapping | undefined {
    const [, length = 0n, protection = 0n, flags = 0n, fd = 0n, offset = 0n] = args;
    const executable = (protection & PROT.EXEC) !== 0n;
    const writable = (protection & PROT.WRITE) !== 0n;
    if ((flags & MAP_ANONYMOUS) !== 0n || !(executable || (writable && this.counted))) return undefined;
    const file = this.#files.opened(pid, Number(BigInt.asIntN(32, fd)));
    return file && { file, length, offset, writable, executable };
  }

  /** It has been made. */
  mapped(tracer: ProcessTracer, process: number, start: bigint, made: CodeMapping): void {
    const end = start + made.length;
    const placed = this.#of(process);
    // Whatever was there is gone.
    tracer.remapped(process, start, end);
    for (const address of placed.entries.keys())
      if (address >= start && address < end) placed.entries.delete(address);
    for (const [location, address] of placed.counters)
      if (address >= start && address < end) placed.counters.delete(location);
    if (made.file === "unknown") this.place(tracer, process);
    else this.#placeIn(tracer, process, placed, { ...made, file: made.file, start, end });
  }

  /** A new thread or process has its creator's memory, or a copy of it with the breakpoints in it. */
  inherit(tracer: ProcessTracer, thread: number, process: number, child: number, flags: bigint): void {
    if ((flags & CLONE.THREAD) !== 0n) return;
    const placed = this.#placed.get(process);
    if (placed)
      this.#placed.set(child, { entries: new Map(placed.entries), counters: new Map(placed.counters) });
    const shared = (flags & CLONE.VM) !== 0n;
    if (!shared || (flags & CLONE.VFORK) !== 0n) this.#returns.inherit(tracer, thread, child, shared);
  }

  /** The process has other memory now, or is gone. */
  forget(process: number): void {
    this.#placed.delete(process);
    this.#returns.forget(undefined, process, false);
  }

  forgetThread(tracer: ProcessTracer | undefined, thread: number): void {
    this.#returns.forget(tracer, thread, true);
  }

  hit(tracer: ProcessTracer, thread: number, process: number, address: bigint): Hit | undefined {
    const registers = tracer.registers(thread);
    if (!registers) return undefined;
    const returned = this.#returns.returned(tracer, thread, address, registers);
    const entered = this.#placed.get(process)?.entries.get(address);
    if (entered && entered.leave.size > 0) this.#returns.called(tracer, thread, process, registers, entered);
    return { hooks: [...returned.flatMap(({ leave }) => [...leave]), ...(entered?.enter ?? [])], registers };
  }

  #of(process: number): Placed {
    const known = this.#placed.get(process);
    if (known) return known;
    const placed: Placed = { entries: new Map(), counters: new Map() };
    this.#placed.set(process, placed);
    return placed;
  }

  #placeIn(tracer: ProcessTracer, process: number, { entries, counters }: Placed, mapping: Mapping): void {
    const { file, start, end, offset, executable, writable } = mapping;
    for (const location of file.locations.values()) {
      const address = start + location.offset - offset;
      if (executable && address >= start && address < end && !entries.has(address))
        if (tracer.setBreakpoint(process, address)) entries.set(address, location);
      const counter = start + location.counter - offset;
      if (!writable || location.counter === 0n || counter < start || counter >= end || counters.has(location))
        continue;
      if (count(tracer, process, counter, 1)) counters.set(location, counter);
    }
  }
}

/** Raises or lowers the counter of a static probe. */
function count(tracer: ProcessTracer, process: number, address: bigint, by: number): boolean {
  const bytes = tracer.read(process, address, 2);
  if (bytes.length < 2) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(0, Math.max(0, view.getUint16(0, true) + by), true);
  return tracer.write(process, address, bytes);
}
