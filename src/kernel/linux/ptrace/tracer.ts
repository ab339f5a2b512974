import { readdirSync } from "node:fs";
import { BpfkitError } from "../../../errors.ts";
import { ERRNO } from "../../../uapi/index.ts";
import type {
  ForkKind,
  LeftProcesses,
  ProcessTracer,
  ProcessTracerOptions,
  Registers,
  ResumeOptions,
  StopRequest,
  TracedCommand,
  TraceStop,
} from "../../index.ts";
import { loadNative } from "../native.ts";
import type { Native } from "../native.ts";
import { SYSCALLS } from "../syscalls.ts";
import { Breakpoints } from "./breakpoints.ts";
import { passesFilter } from "./call-filter.ts";
import { CLONE, cloneFlags } from "./clone-flags.ts";
import { awaitStop, bringToCall, leaveCall } from "./held-command.ts";
import { Interruptible } from "./interruptible.ts";
import { letGo } from "./letting-go.ts";
import { PtraceCalls } from "./ptrace-calls.ts";
import { readStatus, refusal } from "./refusal.ts";
import { REGISTERS } from "./registers.ts";
import type { RegisterFile } from "./registers.ts";
import {
  PTRACE,
  PTRACE_EVENT,
  PTRACE_O,
  SIGNAL,
  STOPPING,
  SYSCALL_INFO,
  SYSCALL_INFO_OP,
  WAIT,
} from "./requests.ts";
import { spawnStopped } from "./spawn-stopped.ts";
import { isInterrupt, Stepper } from "./stepper.ts";
import type { Tracee } from "./tracee.ts";

/** How long a thread may take to stop, when others are stopped for it: it may run the kernel's code just now. */
const FREEZE_ATTEMPTS = 20;
const FREEZE_PAUSE_MS = 0.05;
/** struct siginfo: the offset of si_code, and two of its values: include/uapi/asm-generic/siginfo.h. */
const SIGINFO_CODE = 8;
const SI_KERNEL = 0x80;
const TRAP_BRKPT = 1;

/**
 * Follows processes by ptrace(2).
 * @throws BpfkitError where there is no ptrace that bpfkit knows
 */
export function openProcessTracer(options: ProcessTracerOptions): ProcessTracer {
  const numbers = process.platform === "linux" ? SYSCALLS[process.arch] : undefined;
  const layout = REGISTERS[process.arch];
  if (!numbers || !layout)
    throw new BpfkitError(`bpfkit cannot trace processes on ${process.platform}-${process.arch}`, {
      code: "ptrace/no-linux",
      hints: ["Tracing processes needs Linux on x86-64 or arm64"],
    });
  const native = loadNative();
  return new LinuxProcessTracer(native, new PtraceCalls(native, numbers, layout), options);
}

/** A thread that was met before its creator told of it. */
interface Unborn {
  /** Of wait(2). */
  readonly status: number;
  /** The process that created it, as far as /proc knows. */
  readonly creator: number;
}

class LinuxProcessTracer implements ProcessTracer {
  readonly #native: Native;
  readonly #calls: PtraceCalls;
  readonly #follow: boolean;
  readonly #steady: boolean;
  #stops: StopRequest;
  /** Started, and not yet let go. */
  readonly #held: Tracee[] = [];
  readonly #commands = new Set<number>();
  readonly #unborn = new Map<number, Unborn>();
  /** Children of vfork(2) that have not yet become another program. */
  readonly #borrowing = new Set<number>();
  readonly #breakpoints: Breakpoints;
  readonly #stepper: Stepper;
  /** From the first wait on, when the listeners of signals are there. */
  #interruptible: Interruptible | undefined;
  readonly #tracees = new Map<number, Tracee>();
  /** Threads and their wait statuses that were met before their turn. */
  readonly #early: (readonly [pid: number, status: number])[] = [];
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));

  constructor(native: Native, calls: PtraceCalls, options: ProcessTracerOptions) {
    this.#native = native;
    this.#calls = calls;
    this.#follow = options.follow;
    this.#steady = options.steady === true;
    this.#stops = options;
    this.#breakpoints = new Breakpoints(calls.layout, calls);
    this.#stepper = new Stepper(calls, this.#breakpoints, (pid) => this.#freeze(pid));
  }

  get size(): number {
    return this.#tracees.size;
  }

  start(command: TracedCommand): number {
    const pid = spawnStopped(this.#native, command);
    try {
      awaitStop(this.#calls, pid, WAIT.UNTRACED);
      this.#seize(pid, true);
      const tracee = this.#add(pid, pid, true);
      this.#calls.kill(pid, SIGNAL.CONT);
      bringToCall(this.#calls, pid);
      this.#held.push(tracee);
      this.#commands.add(pid);
      return pid;
    } catch (error) {
      this.#calls.kill(pid, SIGNAL.KILL);
      this.#calls.wait(pid, 0);
      this.#tracees.delete(pid);
      throw error;
    }
  }

  attach(pid: number): void {
    // Threads may come while we look.
    for (let found = true; found;) {
      found = false;
      for (const thread of this.#threads(pid)) {
        if (this.#tracees.has(thread)) continue;
        this.#seize(thread, false);
        this.#add(thread, pid, false);
        this.#calls.request(PTRACE.INTERRUPT, thread, 0, 0);
        found = true;
      }
    }
  }

  stopAt(stops: StopRequest): void {
    this.#stops = stops;
  }

  wait(): TraceStop | "interrupted" | undefined {
    if (!this.#steady) this.#interruptible ??= new Interruptible(this.#native, this.#calls.numbers);
    for (const tracee of this.#held.splice(0)) {
      tracee.filtered = leaveCall(this.#calls, tracee.pid, this.#stops.calls);
      this.#continue(tracee, 0);
    }
    for (;;) {
      const stop = this.#next(0);
      if (stop === "nothing") continue;
      return stop === "idle" ? "interrupted" : stop;
    }
  }

  poll(): TraceStop | "idle" | undefined {
    for (;;) {
      const stop = this.#next(WAIT.NOHANG);
      if (stop !== "nothing") return stop;
    }
  }

  /** `nothing`: a stop that concerns nobody; `idle`: none, or a signal came. */
  #next(options: number): TraceStop | "nothing" | "idle" | undefined {
    const early = this.#early.shift();
    if (early) return this.#told(...early);
    if (this.#tracees.size === 0) return undefined;
    const pid = this.#calls.wait(-1, WAIT.NOTHREAD | options);
    if (pid > 0) return this.#told(pid, this.#calls.status);
    if (pid === 0 || this.#calls.errno() === ERRNO.EINTR) return "idle";
    this.#tracees.clear();
    return undefined;
  }

  #told(pid: number, status: number): TraceStop | "nothing" {
    const stop = this.#decode(pid, status);
    const tracee = stop && this.#tracees.get(stop.pid);
    if (tracee) tracee.told = true;
    return stop ?? "nothing";
  }

  resume(stop: TraceStop, options: ResumeOptions = {}): void {
    const tracee = this.#tracees.get(stop.pid);
    if (!tracee || stop.kind === "exited" || stop.kind === "killed") return;
    tracee.told = false;
    tracee.listening = stop.kind === "groupStop";
    if (stop.kind === "groupStop") {
      this.#calls.request(PTRACE.LISTEN, stop.pid, 0, 0);
      return;
    }
    if (stop.kind === "breakpoint") {
      this.#stepOver(tracee, stop.address);
      return;
    }
    if (stop.kind === "entry") tracee.inCall = options.exit !== false;
    const signal = stop.kind === "signal" && options.deliver !== false ? stop.signal : 0;
    this.#continue(tracee, signal);
  }

  setBreakpoint(process: number, address: bigint): boolean {
    return this.#breakpoints.insert(process, address);
  }

  clearBreakpoint(process: number, address: bigint): void {
    this.#breakpoints.remove(process, address);
  }

  remapped(process: number, start: bigint, end: bigint): void {
    this.#breakpoints.forgetRange(process, start, end);
  }

  read(pid: number, address: bigint, length: number): Uint8Array {
    return this.#calls.read(pid, address, length);
  }

  write(pid: number, address: bigint, bytes: Uint8Array): boolean {
    return this.#calls.write(pid, address, bytes);
  }

  registers(pid: number): Registers | undefined {
    return this.#tracees.get(pid)?.registers?.copy() ?? this.#calls.registers(pid);
  }

  setRegisters(pid: number, registers: Registers): void {
    this.#tracees.get(pid)?.registers?.bytes.set(registers.bytes);
    this.#calls.setRegisters(pid, registers);
  }

  signalInfo(pid: number): Uint8Array | undefined {
    return this.#calls.signalInfo(pid);
  }

  end(): LeftProcesses {
    for (const { pid, registers } of this.#tracees.values())
      if (registers) this.#calls.setRegisters(pid, registers);
    for (const [pid, { status }] of this.#unborn) if ((status & 0xff) === 0x7f) this.#adoptUnborn(pid);
    try {
      return letGo(
        {
          tracees: this.#tracees,
          borrowing: this.#borrowing,
          ptrace: (request, pid, data) => this.#calls.request(request, pid, 0, data),
          kill: (pid, signal) => this.#calls.kill(pid, signal),
          next: () => this.#poll(),
          child: (pid) => this.#heldChild(pid),
          adopt: (pid) => this.#guessNewcomer(pid),
          forget: (pid) => void this.#tracees.delete(pid),
          clearBreakpoints: (process) => this.#breakpoints.removeAll(process),
          stepBack: (tracee) => this.#stepBack(tracee),
        },
        this.#commands,
      );
    } finally {
      this.#tracees.clear();
      this.#interruptible?.[Symbol.dispose]();
      this.#interruptible = undefined;
    }
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #heldChild(pid: number): number | undefined {
    const child = Number(this.#calls.eventMessage(pid));
    return new RegExp(`^State:\\s*[^ZX][^]*^TracerPid:\\s*${process.pid}$`, "m").test(readStatus(child))
      ? child
      : undefined;
  }

  #poll(): readonly [pid: number, status: number] | undefined | "nobody" {
    const early = this.#early.shift();
    if (early) return early;
    const pid = this.#calls.wait(-1, WAIT.NOTHREAD | WAIT.NOHANG);
    if (pid > 0) return [pid, this.#calls.status];
    return pid === 0 || this.#calls.errno() === ERRNO.EINTR ? undefined : "nobody";
  }

  #add(pid: number, process: number, owned: boolean, filtered = false): Tracee {
    const tracee: Tracee = {
      pid,
      process,
      owned,
      filtered,
      inCall: false,
      fresh: false,
      told: false,
      listening: false,
      registers: undefined,
      met: undefined,
    };
    this.#tracees.set(pid, tracee);
    return tracee;
  }

  #threads(pid: number): number[] {
    try {
      return readdirSync(`/proc/${pid}/task`).map(Number);
    } catch (cause) {
      throw new BpfkitError(`There is no process ${pid}`, { code: "ptrace/no-process", cause });
    }
  }

  #seize(pid: number, owned: boolean): void {
    const { TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, TRACEEXEC, TRACEEXIT } = PTRACE_O;
    const { TRACESECCOMP, EXITKILL } = PTRACE_O;
    const options =
      TRACESYSGOOD |
      TRACEEXEC |
      TRACEEXIT |
      TRACESECCOMP |
      (this.#follow ? TRACEFORK | TRACEVFORK | TRACECLONE : 0) |
      (owned ? EXITKILL : 0);
    if (this.#calls.request(PTRACE.SEIZE, pid, 0, options) < 0)
      throw refusal(pid, this.#calls.errno(), owned);
  }

  /** Undefined: nothing for the caller, and the thread goes on. */
  #decode(pid: number, status: number): TraceStop | undefined {
    if ((status & 0xff) !== 0x7f) return this.#ended(pid, status);
    const signal = (status >> 8) & 0xff;
    const event = (status >> 16) & 0xff;
    const known = this.#tracees.get(pid);
    if (!known && event !== PTRACE_EVENT.EXEC) {
      // Its creator has yet to tell what it is.
      this.#unborn.set(pid, { status, creator: creatorOf(pid) });
      return undefined;
    }
    if (known?.fresh === true) {
      known.fresh = false;
      if (event === PTRACE_EVENT.STOP) return { kind: "attached", pid };
    }
    if (event === 0) {
      if (signal === (SIGNAL.TRAP | 0x80)) return this.#callStop(known!);
      if (signal === SIGNAL.TRAP && this.#breakpoints.any(known!.process)) {
        const met = this.#atBreakpoint(known!);
        if (met !== "signal") return met;
      }
      return { kind: "signal", pid, signal };
    }
    switch (event) {
      case PTRACE_EVENT.SECCOMP:
        return this.#callStop(known!);
      case PTRACE_EVENT.FORK:
        return this.#forked(known!, "fork");
      case PTRACE_EVENT.VFORK:
        return this.#forked(known!, "vfork");
      case PTRACE_EVENT.CLONE:
        return this.#forked(known!, "clone");
      case PTRACE_EVENT.EXEC:
        return this.#executed(pid);
      case PTRACE_EVENT.EXIT:
        if (this.#stops.exits === true)
          return { kind: "exiting", pid, status: Number(this.#calls.eventMessage(pid)) };
        break;
      case PTRACE_EVENT.STOP:
        if (STOPPING.has(signal)) return { kind: "groupStop", pid, signal };
        break;
    }
    this.#continue(known!, 0);
    return undefined;
  }

  /** What a trap means: a breakpoint, which is told; nothing that concerns the caller; or a signal of the program's own. */
  #atBreakpoint(tracee: Tracee): TraceStop | undefined | "signal" {
    const { pid, process, met } = tracee;
    const registers = this.#trapped(tracee);
    if (!registers) return "signal";
    const address = registers.instructionPointer;
    tracee.met = undefined;
    if (!this.#breakpoints.has(process, address)) {
      // It was taken out while this thread came there.
      this.#calls.setRegisters(pid, registers);
      this.#continue(tracee, 0);
      return undefined;
    }
    tracee.registers = registers;
    if (met?.address === address && met.stack === registers.stackPointer) {
      this.#stepOver(tracee, address);
      return undefined;
    }
    return { kind: "breakpoint", pid, process, address };
  }

  /** The registers that a thread at one of our breakpoints, or where one was, is to go on with. */
  #trapped({ pid, process }: Tracee): RegisterFile | undefined {
    const registers = this.#calls.registers(pid);
    if (!registers) return undefined;
    const address = registers.instructionPointer - BigInt(this.#calls.layout.breakpointAdvance);
    if (!this.#breakpoints.has(process, address) && this.#breakpoints.lies(process, address))
      return undefined;
    if (!this.#breakpoints.has(process, address) && !this.#isTrapInstruction(pid)) return undefined;
    registers.instructionPointer = address;
    return registers;
  }

  /** A trap by an instruction, and not by a step, by a watched address or by kill(2). */
  #isTrapInstruction(pid: number): boolean {
    const info = this.#calls.signalInfo(pid);
    const code = info && new DataView(info.buffer).getInt32(SIGINFO_CODE, true);
    return code === SI_KERNEL || code === TRAP_BRKPT;
  }

  /** At the end: a thread that stands at a breakpoint has not met it yet. */
  #stepBack(tracee: Tracee): boolean {
    const registers = this.#trapped(tracee);
    if (registers) this.#calls.setRegisters(tracee.pid, registers);
    return registers !== undefined;
  }

  /** Makes the instruction under a breakpoint, and lets the thread go on. */
  #stepOver(tracee: Tracee, address: bigint): void {
    const { pid, process, registers } = tracee;
    tracee.registers = undefined;
    if (!registers) return this.#continue(tracee, 0);
    const stack = registers.stackPointer;
    const interruption = this.#stepper.over(pid, process, address, registers);
    if (!interruption) return this.#continue(tracee, 0);
    tracee.met = { address, stack };
    this.#early.push([pid, interruption.status]);
  }

  /** Stops the other threads of a process. Those that stopped for a reason of their own are left for {@link wait}. */
  #freeze(pid: number): () => void {
    const process = this.#tracees.get(pid)?.process;
    const others = [...this.#tracees.values()].filter(
      (other) =>
        other.process === process && other.pid !== pid && !this.#early.some(([id]) => id === other.pid),
    );
    for (const other of others) this.#calls.request(PTRACE.INTERRUPT, other.pid, 0, 0);
    const frozen = others.filter((other) => {
      // Who does not stop is inside the kernel, as in vfork(2), and passes no breakpoint.
      for (let attempt = 0; attempt < FREEZE_ATTEMPTS; attempt++) {
        if (this.#calls.wait(other.pid, WAIT.NOHANG) !== other.pid) {
          Atomics.wait(this.#pause, 0, 0, FREEZE_PAUSE_MS);
          continue;
        }
        if (isInterrupt(this.#calls.status)) return true;
        this.#early.push([other.pid, this.#calls.status]);
        return false;
      }
      return false;
    });
    return () => {
      for (const other of frozen) this.#continue(other, 0);
    };
  }

  #ended(pid: number, status: number): TraceStop | undefined {
    const known = this.#tracees.get(pid);
    if (!known) {
      if (this.#follow) this.#unborn.set(pid, { status, creator: this.#unborn.get(pid)?.creator ?? 0 });
      return undefined;
    }
    this.#tracees.delete(pid);
    this.#borrowing.delete(pid);
    if (known.process === pid) this.#breakpoints.forget(pid);
    // Who was killed tells of no child any more.
    for (const [child, { creator }] of this.#unborn) if (creator === known.process) this.#adoptUnborn(child);
    const signal = status & 0x7f;
    return signal === 0
      ? { kind: "exited", pid, code: (status >> 8) & 0xff }
      : { kind: "killed", pid, signal, coreDumped: (status & 0x80) !== 0 };
  }

  #forked(tracee: Tracee, how: ForkKind): TraceStop {
    const child = Number(this.#calls.eventMessage(tracee.pid));
    const flags = cloneFlags(this.#calls, tracee.pid, how, child);
    if (how === "vfork") this.#borrowing.add(child);
    this.#newcomer(child, tracee, flags);
    const early = this.#unborn.get(child);
    this.#unborn.delete(child);
    if (early) this.#early.push([child, early.status]);
    return { kind: "fork", pid: tracee.pid, child, how, flags };
  }

  /** What it has it has from its creator. */
  #newcomer(pid: number, from: Tracee, flags: bigint): void {
    const process = (flags & CLONE.THREAD) === 0n ? pid : from.process;
    this.#breakpoints.inherit(from.process, process, (flags & CLONE.VM) !== 0n);
    this.#add(pid, process, from.owned, from.filtered).fresh = true;
  }

  /** A thread whose creator has not told of it, and will not. */
  #adoptUnborn(pid: number): void {
    const known = this.#unborn.get(pid);
    this.#unborn.delete(pid);
    if (!known) return;
    this.#guessNewcomer(pid).fresh = true;
    this.#early.push([pid, known.status]);
  }

  #guessNewcomer(pid: number): Tracee {
    const group = groupOf(pid);
    const creator = creatorOf(pid);
    const from = this.#tracees.get(creator) ?? [...this.#tracees.values()][0];
    if (group === pid && from) this.#breakpoints.inherit(from.process, pid, false);
    return this.#add(pid, group, from?.owned ?? false, from?.filtered ?? false);
  }

  /** execve ends the other threads, and the caller takes the id of the process. */
  #executed(pid: number): TraceStop {
    const former = Number(this.#calls.eventMessage(pid));
    this.#borrowing.delete(pid);
    const caller = this.#tracees.get(former);
    if (former !== pid && caller) {
      this.#tracees.delete(former);
      this.#tracees.set(pid, { ...caller, pid });
    } else if (!this.#tracees.has(pid)) this.#add(pid, pid, true);
    this.#breakpoints.forget(pid);
    return { kind: "exec", pid, former };
  }

  #callStop(tracee: Tracee): TraceStop | undefined {
    const { pid } = tracee;
    const op = this.#calls.callInfo(pid);
    const { info, layout } = this.#calls;
    if (op === SYSCALL_INFO_OP.EXIT) {
      const wanted = tracee.inCall;
      tracee.inCall = false;
      if (wanted) {
        const result = info.getBigInt64(SYSCALL_INFO.exitResult, true);
        return { kind: "exit", pid, result, failed: info.getUint8(SYSCALL_INFO.exitFailed) !== 0 };
      }
    } else if (op === SYSCALL_INFO_OP.ENTRY || op === SYSCALL_INFO_OP.SECCOMP) {
      const { calls } = this.#stops;
      const number = info.getUint32(SYSCALL_INFO.entryNumber, true);
      const args = new BigUint64Array(6);
      for (let index = 0; index < 6; index++)
        args[index] = info.getBigUint64(SYSCALL_INFO.entryArguments + index * 8, true);
      // The numbers of 32-bit programs are of another table.
      const own = info.getUint32(SYSCALL_INFO.arch, true) === layout.audit;
      if (own && (calls === "all" || passesFilter(calls, number, args)))
        return { kind: "entry", pid, number, args };
    }
    this.#continue(tracee, 0);
    return undefined;
  }

  /** ESRCH: it was killed while it stood, which the next wait tells. */
  #continue(tracee: Tracee, signal: number): void {
    const { calls } = this.#stops;
    const free = tracee.filtered || (calls !== "all" && calls.length === 0);
    const request = free && !tracee.inCall ? PTRACE.CONT : PTRACE.SYSCALL;
    this.#calls.request(request, tracee.pid, 0, signal);
  }
}

/** The process that a thread is of, which is itself where that is not known any more. */
function groupOf(pid: number): number {
  return Number(/^Tgid:\s*(\d+)/m.exec(readStatus(pid))?.[1] ?? pid);
}

/** Who made a thread: its own process, or its parent. */
function creatorOf(pid: number): number {
  const group = groupOf(pid);
  return group === pid ? Number(/^PPid:\s*(\d+)/m.exec(readStatus(pid))?.[1] ?? 0) : group;
}
