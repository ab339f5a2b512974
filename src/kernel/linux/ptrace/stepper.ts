import { readFileSync } from "node:fs";
import { ERRNO } from "../../../uapi/index.ts";
import type { Breakpoints, Slot } from "./breakpoints.ts";
import type { PtraceCalls } from "./ptrace-calls.ts";
import type { RegisterFile } from "./registers.ts";
import { PTRACE, PTRACE_EVENT, SIGNAL } from "./requests.ts";
import { LONGEST_INSTRUCTION } from "./x64-instruction.ts";
import type { Step } from "./x64-step.ts";

/** At the end of the vDSO's last page, which its code does not fill. */
const SLOT_FROM_END = 48n;
const AT_ENTRY = 9n;

/** What came before a thread made its step: it stands where it stood, or has ended. */
export interface Interruption {
  readonly status: number;
}

/**
 * Makes instructions that breakpoints lie on. The breakpoints stay where they are, so that no other thread passes
 * unseen: the instruction is done to the registers, or made from a copy in a place where no code runs.
 */
export class Stepper {
  readonly #calls: PtraceCalls;
  readonly #breakpoints: Breakpoints;
  /** Stops the other threads of the process while code is put back; the answer lets them go on. */
  readonly #freeze: (pid: number) => () => void;

  constructor(calls: PtraceCalls, breakpoints: Breakpoints, freeze: (pid: number) => () => void) {
    this.#calls = calls;
    this.#breakpoints = breakpoints;
    this.#freeze = freeze;
  }

  /** The thread stands at the breakpoint with these registers. */
  over(pid: number, process: number, address: bigint, registers: RegisterFile): Interruption | undefined {
    const step = this.#breakpoints.step(process, address);
    if (
      step?.kind === "emulated" &&
      step.run(registers, address, (at, word) => this.#calls.writeWord(pid, at, word))
    ) {
      this.#calls.setRegisters(pid, registers);
      return undefined;
    }
    const slot = step?.kind === "displaced" ? this.#slot(pid, process) : undefined;
    if (step?.kind === "displaced" && slot) return this.#displaced(pid, address, registers, step, slot);
    return this.#lifted(pid, process, address, registers);
  }

  #displaced(
    pid: number,
    address: bigint,
    before: RegisterFile,
    step: Extract<Step, { kind: "displaced" }>,
    slot: Slot,
  ): Interruption | undefined {
    const { borrowed, size, calls } = step;
    const behind = address + BigInt(size);
    if (slot.holds !== step.code) this.#calls.write(pid, slot.address, step.code);
    slot.holds = slot.restore ? undefined : step.code;
    const there = before.copy();
    there.instructionPointer = slot.address;
    if (borrowed !== undefined) there.words[borrowed] = behind;
    this.#calls.setRegisters(pid, there);
    for (;;) {
      const status = this.#step(pid);
      const after = this.#calls.registers(pid);
      const at = after?.instructionPointer;
      const stepped = status >> 8 === SIGNAL.TRAP;
      // Instructions that repeat themselves stop after each time.
      if (stepped && at === slot.address) continue;
      if (slot.restore) this.#calls.write(pid, slot.address, slot.restore);
      if (after) {
        if (at === slot.address) after.instructionPointer = address;
        if (at === slot.address + BigInt(size)) after.instructionPointer = behind;
        if (borrowed !== undefined) after.words[borrowed] = before.words[borrowed]!;
        if (calls && stepped) this.#calls.writeWord(pid, after.stackPointer, behind);
        this.#calls.setRegisters(pid, after);
      }
      return stepped ? undefined : { status };
    }
  }

  /** With the code put back, and the other threads stopped, which would pass the place unseen. */
  #lifted(pid: number, process: number, address: bigint, registers: RegisterFile): Interruption | undefined {
    this.#calls.setRegisters(pid, registers);
    const thaw = this.#freeze(pid);
    const insertAgain = this.#breakpoints.lift(process, address);
    const status = this.#step(pid);
    insertAgain();
    thaw();
    return status >> 8 === SIGNAL.TRAP ? undefined : { status };
  }

  /** The status of a thread after one instruction. An interrupt that was waiting for it is not what stopped it. */
  #step(pid: number): number {
    for (;;) {
      this.#calls.request(PTRACE.SINGLESTEP, pid, 0, 0);
      let waited = this.#calls.wait(pid, 0);
      while (waited < 0 && this.#calls.errno() === ERRNO.EINTR) waited = this.#calls.wait(pid, 0);
      // It is gone, and told so already.
      if (waited < 0) return 0;
      if (!isInterrupt(this.#calls.status)) return this.#calls.status;
    }
  }

  #slot(pid: number, process: number): Slot | undefined {
    const known = this.#breakpoints.slot(process);
    if (known) return known;
    const found = this.#beyondVdso(pid) ?? this.#entryPoint(pid);
    if (found) this.#breakpoints.setSlot(process, found);
    return found;
  }

  /** The kernel's own page of code is there in every process, and may be written by a tracer. */
  #beyondVdso(pid: number): Slot | undefined {
    const end = /^[0-9a-f]+-([0-9a-f]+) r-x.*\[vdso\]$/m.exec(readText(`/proc/${pid}/maps`))?.[1];
    if (end === undefined) return undefined;
    const address = BigInt(`0x${end}`) - SLOT_FROM_END;
    const there = this.#calls.read(pid, address, Number(SLOT_FROM_END));
    return there.length === Number(SLOT_FROM_END) && there.every((byte) => byte === 0)
      ? { address }
      : undefined;
  }

  /** Where programs begin they never come again; but it may be yet to come. */
  #entryPoint(pid: number): Slot | undefined {
    const vector = Buffer.from(readText(`/proc/${pid}/auxv`), "latin1");
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readBigUInt64LE(at) !== AT_ENTRY) continue;
      const address = vector.readBigUInt64LE(at + 8);
      const restore = this.#calls.read(pid, address, LONGEST_INSTRUCTION);
      return restore.length === LONGEST_INSTRUCTION ? { address, restore } : undefined;
    }
    return undefined;
  }
}

/** What PTRACE_INTERRUPT leads to, and nothing else. */
export function isInterrupt(status: number): boolean {
  return status >> 16 === PTRACE_EVENT.STOP && ((status >> 8) & 0xff) === SIGNAL.TRAP;
}

/** Empty where the process is gone. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
