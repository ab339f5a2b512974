import type { ProcessTracer, Registers } from "../../index.ts";
import type { Location } from "./probed-files.ts";

interface Frame {
  readonly process: number;
  /** Where it returns to. */
  readonly address: bigint;
  /** The stack pointer when it was called. */
  readonly stack: bigint;
  readonly location: Location;
}

/** x30 in struct user_pt_regs. */
const LINK_REGISTER = 30 * 8;

/** Functions that are to return: each is met by a breakpoint at the place that it was called from. */
export class PendingReturns {
  /** On x86-64 the call pushes its return address; on arm64 it is in x30. */
  readonly #pushed: bigint;
  /** By thread, innermost last. */
  readonly #frames = new Map<number, Frame[]>();

  constructor(arch: string) {
    this.#pushed = arch === "arm64" ? 0n : 8n;
  }

  /** A thread is about to run a function. */
  called(
    tracer: ProcessTracer,
    thread: number,
    process: number,
    registers: Registers,
    location: Location,
  ): void {
    const stack = registers.stackPointer;
    const address = this.#returnAddress(tracer, thread, registers);
    if (address === undefined || !tracer.setBreakpoint(process, address)) return;
    // Frames below this one were left without a return, as by longjmp; so was the same function's at this place.
    const alive = this.#drop(
      tracer,
      thread,
      (frame) => frame.stack < stack || (frame.stack === stack && frame.location === location),
    );
    this.#frames.set(thread, [...alive, { process, address, stack, location }]);
  }

  /** The functions that a thread has returned from, innermost first, when it comes to an address. */
  returned(
    tracer: ProcessTracer,
    thread: number,
    address: bigint,
    registers: Registers,
  ): readonly Location[] {
    const frames = this.#frames.get(thread);
    if (!frames) return [];
    const stack = registers.stackPointer - this.#pushed;
    const done = frames.filter((frame) => frame.address === address && frame.stack === stack);
    if (done.length === 0 || !this.#cameByReturn(tracer, thread, address, stack)) return [];
    this.#frames.set(
      thread,
      this.#drop(tracer, thread, (frame) => frame.stack <= stack),
    );
    return done.toReversed().map(({ location }) => location);
  }

  /** A child goes on where its creator forked, and returns from the same functions. */
  inherit(tracer: ProcessTracer, thread: number, child: number, shared: boolean): void {
    const frames = this.#frames.get(thread);
    if (!frames || frames.length === 0) return;
    this.#frames.set(
      child,
      frames.map((frame) => ({ ...frame, process: child })),
    );
    // In memory of its own the breakpoints are its own, too.
    if (shared) for (const { address } of frames) tracer.setBreakpoint(child, address);
  }

  /** The thread has ended, or its stack is gone. `clear`: the code is still there. */
  forget(tracer: ProcessTracer | undefined, thread: number, clear: boolean): void {
    if (clear && tracer) this.#drop(tracer, thread, () => true);
    this.#frames.delete(thread);
  }

  /** Nothing is attached there any more. */
  forgetLocation(tracer: ProcessTracer, location: Location): void {
    for (const thread of this.#frames.keys())
      this.#frames.set(
        thread,
        this.#drop(tracer, thread, (frame) => frame.location === location),
      );
  }

  /** And not by a jump, as behind a function that was left by longjmp: then other calls have mostly pushed theirs. */
  #cameByReturn(tracer: ProcessTracer, thread: number, address: bigint, stack: bigint): boolean {
    if (this.#pushed === 0n) return true;
    const bytes = tracer.read(thread, stack, 8);
    return bytes.length === 8 && wordAt(bytes, 0) === address;
  }

  /** Those that stay. */
  #drop(tracer: ProcessTracer, thread: number, gone: (frame: Frame) => boolean): Frame[] {
    return (this.#frames.get(thread) ?? []).filter((frame) => {
      if (!gone(frame)) return true;
      tracer.clearBreakpoint(frame.process, frame.address);
      return false;
    });
  }

  #returnAddress(tracer: ProcessTracer, thread: number, registers: Registers): bigint | undefined {
    const [bytes, at] =
      this.#pushed === 0n
        ? [registers.bytes, LINK_REGISTER]
        : [tracer.read(thread, registers.stackPointer, 8), 0];
    if (bytes.length < at + 8) return undefined;
    return wordAt(bytes, at);
  }
}

function wordAt(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
}
