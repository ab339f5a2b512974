import { closeSync, openSync, readdirSync, writeSync } from "node:fs";
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
import type { Native, SyscallArgument } from "../native.ts";
import { SYSCALLS } from "../syscalls.ts";
import type { SyscallNumbers } from "../syscalls.ts";
import { Breakpoints } from "./breakpoints.ts";
import { encodeCallFilter, passesFilter } from "./call-filter.ts";
import { Interruptible } from "./interruptible.ts";
import { letGo } from "./letting-go.ts";
import { ProcessMemory } from "./process-memory.ts";
import { readStatus, refusal } from "./refusal.ts";
import { RegisterFile, REGISTERS } from "./registers.ts";
import type { RegisterLayout } from "./registers.ts";
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
import type { Tracee } from "./tracee.ts";

const NT_PRSTATUS = 1;
const SIGINFO_SIZE = 128;
/** The number of no system call. */
const NO_CALL = 0xffff_ffff_ffff_ffffn;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
/** Below the stack pointer the platform lets functions keep 128 bytes. */
const RED_ZONE = 128n;
/** How long a thread may take to stop, when others are stopped for it: it may run the kernel's code just now. */
const FREEZE_ATTEMPTS = 20;
const FREEZE_PAUSE_MS = 0.05;

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
  return new LinuxProcessTracer(loadNative(), numbers, layout, options);
}

class LinuxProcessTracer implements ProcessTracer {
  readonly #native: Native;
  readonly #numbers: SyscallNumbers;
  readonly #layout: RegisterLayout;
  readonly #follow: boolean;
  #stops: StopRequest;
  /** Started, and not yet let go. */
  readonly #held: Tracee[] = [];
  readonly #commands = new Set<number>();
  readonly #steady: boolean;
  /** Seen before their parents told of them. */
  readonly #earlyBorn = new Set<number>();
  /** Children of vfork(2) that have not yet become another program. */
  readonly #borrowing = new Set<number>();
  readonly #memory: ProcessMemory;
  readonly #breakpoints: Breakpoints;
  /** From the first wait on, when the listeners of signals are there. */
  #interruptible: Interruptible | undefined;
  readonly #tracees = new Map<number, Tracee>();
  /** Threads and their wait statuses that were met before their turn. */
  readonly #early: (readonly [pid: number, status: number])[] = [];
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));
  readonly #status = new Int32Array(1);
  readonly #statusAddress: number;
  readonly #info = new DataView(new ArrayBuffer(SYSCALL_INFO.size));
  readonly #infoAddress: number;
  readonly #message = new BigUint64Array(1);
  readonly #messageAddress: number;

  constructor(
    native: Native,
    numbers: SyscallNumbers,
    layout: RegisterLayout,
    options: ProcessTracerOptions,
  ) {
    this.#native = native;
    this.#numbers = numbers;
    this.#layout = layout;
    this.#follow = options.follow;
    this.#steady = options.steady === true;
    this.#stops = options;
    this.#memory = new ProcessMemory(native, numbers);
    this.#breakpoints = new Breakpoints(layout, this);
    this.#statusAddress = Number(native.address(new Uint8Array(this.#status.buffer)));
    this.#infoAddress = Number(native.address(new Uint8Array(this.#info.buffer)));
    this.#messageAddress = Number(native.address(new Uint8Array(this.#message.buffer)));
  }

  get size(): number {
    return this.#tracees.size;
  }

  start(command: TracedCommand): number {
    const pid = spawnStopped(this.#native, command);
    try {
      this.#waitFor(pid, WAIT.UNTRACED);
      this.#seize(pid, true);
      const tracee = this.#add(pid, pid, true);
      this.#native.syscall(this.#numbers.kill, pid, SIGNAL.CONT);
      this.#prepare(pid);
      this.#held.push(tracee);
      this.#commands.add(pid);
      return pid;
    } catch (error) {
      this.#native.syscall(this.#numbers.kill, pid, SIGNAL.KILL);
      this.#wait4(pid, 0);
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
        this.#ptrace(PTRACE.INTERRUPT, thread, 0, 0);
        found = true;
      }
    }
  }

  stopAt(stops: StopRequest): void {
    this.#stops = stops;
  }

  wait(): TraceStop | "interrupted" | undefined {
    if (!this.#steady) this.#interruptible ??= new Interruptible(this.#native, this.#numbers);
    for (const tracee of this.#held.splice(0)) this.#release(tracee);
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
    const pid = this.#wait4(-1, WAIT.NOTHREAD | options);
    if (pid > 0) return this.#told(pid, this.#status[0]!);
    if (pid === 0 || this.#native.errno() === ERRNO.EINTR) return "idle";
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
      this.#ptrace(PTRACE.LISTEN, stop.pid, 0, 0);
      return;
    }
    if (stop.kind === "breakpoint") {
      this.#stepOver(tracee, stop.process, stop.address);
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

  read(pid: number, address: bigint, length: number): Uint8Array {
    return this.#memory.read(pid, address, length);
  }

  write(pid: number, address: bigint, bytes: Uint8Array): boolean {
    let fd: number;
    try {
      fd = openSync(`/proc/${pid}/mem`, "r+");
    } catch {
      return false;
    }
    try {
      return writeSync(fd, bytes, 0, bytes.length, Number(address)) === bytes.length;
    } catch {
      return false;
    } finally {
      closeSync(fd);
    }
  }

  registers(pid: number): Registers | undefined {
    return this.#registers(pid);
  }

  setRegisters(pid: number, registers: Registers): void {
    this.#registerSet(PTRACE.SETREGSET, pid, NT_PRSTATUS, registers.bytes);
  }

  signalInfo(pid: number): Uint8Array | undefined {
    const bytes = new Uint8Array(SIGINFO_SIZE);
    const failed = this.#ptrace(PTRACE.GETSIGINFO, pid, 0, this.#native.address(bytes)) < 0;
    return failed ? undefined : bytes;
  }

  end(): LeftProcesses {
    try {
      return letGo(
        {
          tracees: this.#tracees,
          borrowing: this.#borrowing,
          ptrace: (request, pid, data) => this.#ptrace(request, pid, 0, data),
          kill: (pid, signal) => void this.#native.syscall(this.#numbers.kill, pid, signal),
          next: () => this.#poll(),
          child: (pid) => this.#heldChild(pid),
          adopt: (pid) => this.#newcomer(pid),
          forget: (pid) => void this.#tracees.delete(pid),
          clearBreakpoints: (process) => this.#breakpoints.removeAll(process),
          stepBack: (tracee) => this.#atBreakpoint(tracee) !== undefined,
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
    const child = Number(this.#eventMessage(pid));
    return new RegExp(`^State:\\s*[^ZX][^]*^TracerPid:\\s*${process.pid}$`, "m").test(readStatus(child))
      ? child
      : undefined;
  }

  #poll(): readonly [pid: number, status: number] | undefined | "nobody" {
    const early = this.#early.shift();
    if (early) return early;
    const pid = this.#wait4(-1, WAIT.NOTHREAD | WAIT.NOHANG);
    if (pid > 0) return [pid, this.#status[0]!];
    return pid === 0 || this.#native.errno() === ERRNO.EINTR ? undefined : "nobody";
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
    if (this.#ptrace(PTRACE.SEIZE, pid, 0, options) < 0) throw refusal(pid, this.#native.errno(), owned);
  }

  /** Brings a shell that stopped itself to its next system call. */
  #prepare(pid: number): void {
    for (;;) {
      this.#waitFor(pid, 0);
      const status = this.#status[0]!;
      if (status >> 8 === (SIGNAL.TRAP | 0x80) && this.#callInfo(pid) === SYSCALL_INFO_OP.ENTRY) break;
      const event = status >> 16;
      const signal = (status >> 8) & 0xff;
      // SIGCONT and the stop that it ends are ours, not the command's.
      const deliver = event === 0 && signal !== SIGNAL.CONT && signal < SIGNAL.TRAP + 0x80 ? signal : 0;
      this.#ptrace(PTRACE.SYSCALL, pid, 0, deliver);
    }
  }

  /**
   * Lets a held process go, with the seccomp filter where not all calls are wanted. The call that it was held at is
   * left out and made again, so that whoever follows sees it from its entry.
   */
  #release(tracee: Tracee): void {
    const { pid } = tracee;
    const { calls } = this.#stops;
    const before = this.#registers(pid);
    if (!before) return;
    const { callSize, callNumber, enteredNumber } = this.#layout;
    const again = before.copy();
    again.instructionPointer -= BigInt(callSize);
    if ("word" in enteredNumber) {
      again.words[callNumber] = before.words[enteredNumber.word]!;
      const none = before.copy();
      none.words[enteredNumber.word] = NO_CALL;
      this.setRegisters(pid, none);
    } else {
      const none = new Uint8Array(Int32Array.of(-1).buffer);
      this.#registerSet(PTRACE.SETREGSET, pid, enteredNumber.set, none);
    }
    this.#toNextCallStop(pid);
    if (calls === "all" || calls.length > 0)
      tracee.filtered = this.#install(pid, again, encodeCallFilter(calls, this.#layout.audit));
    this.setRegisters(pid, again);
    this.#continue(tracee, 0);
  }

  /** Makes the process set its filter, between two of its own calls; false where it may not. */
  #install(pid: number, at: RegisterFile, filter: Uint8Array): boolean {
    // struct sock_fprog, and the filter behind it, below what the stack's functions may use.
    const program = new Uint8Array(16 + filter.length);
    const view = new DataView(program.buffer);
    const address = (at.stackPointer - RED_ZONE - BigInt(program.length)) & ~15n;
    view.setUint16(0, filter.length / 8, true);
    view.setBigUint64(8, address + 16n, true);
    program.set(filter, 16);
    if (!this.write(pid, address, program)) return false;
    const { prctl, seccomp } = this.#numbers;
    const set = [BigInt(SECCOMP_SET_MODE_FILTER), 0n, address];
    // Who may administer the system needs no promise, which would keep set-user-id programs from working.
    return (
      this.#call(pid, at, seccomp, set) === 0n ||
      (this.#call(pid, at, prctl, [BigInt(PR_SET_NO_NEW_PRIVS), 1n]) === 0n &&
        this.#call(pid, at, seccomp, set) === 0n)
    );
  }

  /** Makes a process that is at the end of a call make another one; returns its result. */
  #call(pid: number, at: RegisterFile, number: number, args: readonly bigint[]): bigint {
    const registers = at.copy();
    registers.setCall(number, args);
    this.setRegisters(pid, registers);
    this.#toNextCallStop(pid);
    this.#toNextCallStop(pid);
    return BigInt.asIntN(64, this.#registers(pid)?.result ?? -1n);
  }

  #toNextCallStop(pid: number): void {
    do {
      this.#ptrace(PTRACE.SYSCALL, pid, 0, 0);
      this.#waitFor(pid, 0);
    } while (this.#status[0]! >> 8 !== (SIGNAL.TRAP | 0x80));
  }

  /** Waits for one process to stop; its end is an error here. */
  #waitFor(pid: number, options: number): void {
    for (;;) {
      if (this.#wait4(pid, options) === pid) break;
      const errno = this.#native.errno();
      if (errno !== ERRNO.EINTR) throw refusal(pid, errno === ERRNO.ECHILD ? ERRNO.ESRCH : errno, true);
    }
    if ((this.#status[0]! & 0xff) !== 0x7f) throw refusal(pid, ERRNO.ESRCH, true);
  }

  #wait4(pid: number, options: number): number {
    return this.#native.syscall(this.#numbers.wait4, pid, this.#statusAddress, options | WAIT.ALL, 0);
  }

  /** Undefined: nothing for the caller, and the thread goes on. */
  #decode(pid: number, status: number): TraceStop | undefined {
    if ((status & 0xff) !== 0x7f) return this.#ended(pid, status);
    const signal = (status >> 8) & 0xff;
    const event = (status >> 16) & 0xff;
    const known = this.#tracees.get(pid);
    if (known?.fresh === true || (!known && event !== PTRACE_EVENT.EXEC)) return this.#adopt(pid);
    if (event === 0) {
      if (signal === (SIGNAL.TRAP | 0x80)) return this.#callStop(known!);
      if (signal === SIGNAL.TRAP && this.#breakpoints.any(known!.process)) {
        const address = this.#atBreakpoint(known!);
        if (address !== undefined) return { kind: "breakpoint", pid, process: known!.process, address };
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
          return { kind: "exiting", pid, status: Number(this.#eventMessage(pid)) };
        break;
      case PTRACE_EVENT.STOP:
        if (STOPPING.has(signal)) return { kind: "groupStop", pid, signal };
        break;
    }
    this.#continue(known!, 0);
    return undefined;
  }

  /** The breakpoint that stopped a thread; it stands before the instruction there afterwards. */
  #atBreakpoint({ pid, process }: Tracee): bigint | undefined {
    const registers = this.#registers(pid);
    const address = registers && registers.instructionPointer - BigInt(this.#layout.breakpointAdvance);
    if (!registers || address === undefined || !this.#breakpoints.has(process, address)) return undefined;
    registers.instructionPointer = address;
    this.setRegisters(pid, registers);
    return address;
  }

  /** Makes the instruction under a breakpoint, and lets the thread go on. */
  #stepOver(tracee: Tracee, process: number, address: bigint): void {
    const { pid } = tracee;
    const registers = this.#registers(pid);
    if (registers && this.#breakpoints.emulate(process, address, registers)) {
      this.setRegisters(pid, registers);
      this.#continue(tracee, 0);
      return;
    }
    // The other threads would pass the place unseen.
    const frozen = this.#freeze(tracee);
    const insertAgain = this.#breakpoints.lift(process, address);
    const status = this.#step(pid);
    insertAgain();
    for (const other of frozen) this.#continue(other, 0);
    if (status >> 8 === SIGNAL.TRAP) this.#continue(tracee, 0);
    // Something else came first; the instruction is met again.
    else this.#early.push([pid, status]);
  }

  /** The status of a thread after one instruction. An interrupt that was waiting for it is not what stopped it. */
  #step(pid: number): number {
    for (;;) {
      this.#ptrace(PTRACE.SINGLESTEP, pid, 0, 0);
      while (this.#wait4(pid, 0) < 0 && this.#native.errno() === ERRNO.EINTR);
      const status = this.#status[0]!;
      if (!isInterrupt(status)) return status;
    }
  }

  /** Stops the other threads of a process. Those that stopped for a reason of their own are left for {@link wait}. */
  #freeze({ pid, process }: Tracee): Tracee[] {
    const others = [...this.#tracees.values()].filter(
      (other) =>
        other.process === process && other.pid !== pid && !this.#early.some(([id]) => id === other.pid),
    );
    for (const other of others) this.#ptrace(PTRACE.INTERRUPT, other.pid, 0, 0);
    return others.filter((other) => {
      // Who does not stop is inside the kernel, as in vfork(2), and passes no breakpoint.
      for (let attempt = 0; attempt < FREEZE_ATTEMPTS; attempt++) {
        if (this.#wait4(other.pid, WAIT.NOHANG) !== other.pid) {
          Atomics.wait(this.#pause, 0, 0, FREEZE_PAUSE_MS);
          continue;
        }
        const status = this.#status[0]!;
        if (isInterrupt(status)) return true;
        this.#early.push([other.pid, status]);
        return false;
      }
      return false;
    });
  }

  #ended(pid: number, status: number): TraceStop | undefined {
    const known = this.#tracees.get(pid);
    if (!known) return undefined;
    this.#tracees.delete(pid);
    this.#borrowing.delete(pid);
    if (known.process === pid) this.#breakpoints.forget(pid);
    const signal = status & 0x7f;
    return signal === 0
      ? { kind: "exited", pid, code: (status >> 8) & 0xff }
      : { kind: "killed", pid, signal, coreDumped: (status & 0x80) !== 0 };
  }

  /** A thread's first stop, which may come before its parent tells of it. */
  #adopt(pid: number): TraceStop {
    const known = this.#tracees.get(pid);
    if (known) known.fresh = false;
    else {
      this.#newcomer(pid);
      this.#earlyBorn.add(pid);
    }
    return { kind: "attached", pid };
  }

  #newcomer(pid: number): Tracee {
    // What it inherits is its creator's: the thread's own group or parent.
    const status = readStatus(pid);
    const group = Number(/^Tgid:\s*(\d+)/m.exec(status)?.[1] ?? 0);
    const parent = Number(/^PPid:\s*(\d+)/m.exec(status)?.[1] ?? 0);
    const from = this.#tracees.get(group === pid ? parent : group) ?? [...this.#tracees.values()][0];
    const process = group === 0 ? pid : group;
    if (process === pid && from) this.#breakpoints.inherit(from.process, pid);
    return this.#add(pid, process, from?.owned ?? false, from?.filtered ?? false);
  }

  #forked(tracee: Tracee, how: ForkKind): TraceStop {
    const child = Number(this.#eventMessage(tracee.pid));
    if (how === "vfork") this.#borrowing.add(child);
    if (!this.#earlyBorn.delete(child)) this.#newcomer(child).fresh = true;
    return { kind: "fork", pid: tracee.pid, child, how };
  }

  /** execve ends the other threads, and the caller takes the id of the process. */
  #executed(pid: number): TraceStop {
    const former = Number(this.#eventMessage(pid));
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
    const op = this.#callInfo(pid);
    if (op === SYSCALL_INFO_OP.EXIT) {
      const wanted = tracee.inCall;
      tracee.inCall = false;
      if (wanted) {
        const result = this.#info.getBigInt64(SYSCALL_INFO.exitResult, true);
        return { kind: "exit", pid, result, failed: this.#info.getUint8(SYSCALL_INFO.exitFailed) !== 0 };
      }
    } else if (op === SYSCALL_INFO_OP.ENTRY || op === SYSCALL_INFO_OP.SECCOMP) {
      const { calls } = this.#stops;
      const number = this.#info.getUint32(SYSCALL_INFO.entryNumber, true);
      const args = new BigUint64Array(6);
      for (let index = 0; index < 6; index++)
        args[index] = this.#info.getBigUint64(SYSCALL_INFO.entryArguments + index * 8, true);
      // The numbers of 32-bit programs are of another table.
      const own = this.#info.getUint32(SYSCALL_INFO.arch, true) === this.#layout.audit;
      if (own && (calls === "all" || passesFilter(calls, number, args)))
        return { kind: "entry", pid, number, args };
    }
    this.#continue(tracee, 0);
    return undefined;
  }

  #callInfo(pid: number): number {
    const size = this.#ptrace(PTRACE.GET_SYSCALL_INFO, pid, SYSCALL_INFO.size, this.#infoAddress);
    return size > 0 ? this.#info.getUint8(SYSCALL_INFO.op) : 0;
  }

  #eventMessage(pid: number): bigint {
    this.#message[0] = 0n;
    this.#ptrace(PTRACE.GETEVENTMSG, pid, 0, this.#messageAddress);
    return this.#message[0];
  }

  /** ESRCH: it was killed while it stood, which the next wait tells. */
  #continue(tracee: Tracee, signal: number): void {
    const { calls } = this.#stops;
    const free = tracee.filtered || (calls !== "all" && calls.length === 0);
    const request = free && !tracee.inCall ? PTRACE.CONT : PTRACE.SYSCALL;
    this.#ptrace(request, tracee.pid, 0, signal);
  }

  #registers(pid: number): RegisterFile | undefined {
    const registers = new RegisterFile(this.#layout);
    const failed = this.#registerSet(PTRACE.GETREGSET, pid, NT_PRSTATUS, registers.bytes) < 0;
    return failed ? undefined : registers;
  }

  #registerSet(request: number, pid: number, set: number, bytes: Uint8Array): number {
    const vector = BigUint64Array.of(this.#native.address(bytes), BigInt(bytes.length));
    return this.#ptrace(request, pid, set, this.#native.address(new Uint8Array(vector.buffer)));
  }

  #ptrace(request: number, pid: number, address: SyscallArgument, data: SyscallArgument): number {
    return this.#native.syscall(this.#numbers.ptrace, request, pid, address, data);
  }
}

/** What PTRACE_INTERRUPT leads to, and nothing else. */
function isInterrupt(status: number): boolean {
  return status >> 16 === PTRACE_EVENT.STOP && ((status >> 8) & 0xff) === SIGNAL.TRAP;
}
