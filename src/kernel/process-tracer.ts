/**
 * Processes held by their tracer: what they do stops them, and they wait until they are let go again. One
 * tracer is used by one thread. Addresses and register values are as the process sees them.
 */
export interface ProcessTracer extends Disposable {
  /**
   * Starts a program, which waits before its execve until the first {@link wait}. It is killed when the tracer ends,
   * however it ends.
   * @throws BpfkitError `ptrace/no-command`, `ptrace/refused`
   */
  start(command: TracedCommand): number;
  /**
   * Takes hold of a running process with all its threads. They are let go again when the tracer ends.
   * @throws BpfkitError `ptrace/no-process`, `ptrace/refused`
   */
  attach(pid: number): void;
  /** Sets what stops processes, until the first {@link wait}. */
  stopAt(stops: StopRequest): void;
  /**
   * Waits for the next stop: `interrupted` when a signal wants the event loop, undefined when nothing is
   * traced any more.
   */
  wait(): TraceStop | "interrupted" | undefined;
  /** As {@link wait}, but "idle" at once where nothing has stopped. */
  poll(): TraceStop | "idle" | undefined;
  /** Lets a stopped thread go on. Every stop but an end must be answered so, or with {@link detach}. */
  resume(stop: TraceStop, options?: ResumeOptions): void;
  /** Reads at most `length` bytes; fewer where the memory ends, none where there is none. */
  read(pid: number, address: bigint, length: number): Uint8Array;
  /** Writes even where the process itself may not, as into its code. False if it cannot be done. */
  write(pid: number, address: bigint, bytes: Uint8Array): boolean;
  /** Registers of a stopped thread, undefined if it is gone. */
  registers(pid: number): Registers | undefined;
  setRegisters(pid: number, registers: Registers): void;
  /**
   * Stops every thread of a process that comes to an address, before the instruction there, until it is cleared as
   * often. False: no code, or an instruction that cannot be stepped over.
   */
  setBreakpoint(process: number, address: bigint): boolean;
  clearBreakpoint(process: number, address: bigint): void;
  /** Other memory lies there now: breakpoints in it are gone. */
  remapped(process: number, start: bigint, end: bigint): void;
  /** struct siginfo (128 bytes) of a thread at a signal stop. */
  signalInfo(pid: number): Uint8Array | undefined;
  /**
   * Kills the commands that were started and still run, and lets all other processes go on; disposal does the same.
   * Where it may be, those that need a tracer for the filter that they have get one that does nothing else.
   */
  end(): LeftProcesses;
  /** Threads that are traced now. */
  readonly size: number;
}

/** Processes that were still there when their tracer ended, by id. */
export interface LeftProcesses {
  /** They need a tracer, which is now the process `keeper`. */
  readonly kept: readonly number[];
  readonly keeper?: number;
  /** They need one, but may not have any other: kernel.yama.ptrace_scope. */
  readonly killed: readonly number[];
}

export interface TracedCommand {
  readonly path: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface ProcessTracerOptions extends StopRequest {
  /** New processes and threads are traced as well. */
  readonly follow: boolean;
  /** Signals to this process do not end a wait: for who does nothing but trace. */
  readonly steady?: boolean;
}

export interface StopRequest {
  /** The calls that stop their caller, at entry and at exit; other calls run at full speed where possible. */
  readonly calls: "all" | readonly CallFilter[];
  /** A stop before a thread's end, while its memory is still there. */
  readonly exits?: boolean;
}

/** A system call by number, optionally only where an argument's low 32 bits fit: `(argument & mask) == value`. */
export interface CallFilter {
  readonly number: number;
  readonly argument?: { readonly index: number; readonly mask: number; readonly value: number };
}

export interface ResumeOptions {
  /** At a signal stop: false keeps the signal from the process. */
  readonly deliver?: boolean;
  /** At a call's entry: false leaves out the stop at its exit. */
  readonly exit?: boolean;
}

/** `pid` is always a thread's id, which is the process's for the first thread. */
export type TraceStop =
  /** A thread is traced from now on. */
  | { readonly kind: "attached"; readonly pid: number }
  | {
      readonly kind: "entry";
      readonly pid: number;
      readonly number: number;
      readonly args: BigUint64Array;
    }
  | { readonly kind: "exit"; readonly pid: number; readonly result: bigint; readonly failed: boolean }
  /** `flags`: CLONE_* of include/uapi/linux/sched.h. */
  | {
      readonly kind: "fork";
      readonly pid: number;
      readonly child: number;
      readonly how: ForkKind;
      readonly flags: bigint;
    }
  /** `former` is the id of the thread that called execve, which has the process's id from now on. */
  | { readonly kind: "exec"; readonly pid: number; readonly former: number }
  | { readonly kind: "signal"; readonly pid: number; readonly signal: number }
  /** The process is stopped as by SIGSTOP, until SIGCONT. */
  | { readonly kind: "groupStop"; readonly pid: number; readonly signal: number }
  /** `process`: whose breakpoint it is. */
  | {
      readonly kind: "breakpoint";
      readonly pid: number;
      readonly process: number;
      readonly address: bigint;
    }
  /** The thread ends now; only with `exits`. `status` as of wait(2). */
  | { readonly kind: "exiting"; readonly pid: number; readonly status: number }
  | { readonly kind: "exited"; readonly pid: number; readonly code: number }
  | {
      readonly kind: "killed";
      readonly pid: number;
      readonly signal: number;
      readonly coreDumped: boolean;
    };

export type ForkKind = "fork" | "vfork" | "clone";

/** The general registers, raw, with the few that every architecture has by name. */
export interface Registers {
  /** As the kernel's user_regs_struct (x86-64) or user_pt_regs (arm64). */
  readonly bytes: Uint8Array;
  instructionPointer: bigint;
  stackPointer: bigint;
  readonly framePointer: bigint;
  /** Of a function or a system call. */
  result: bigint;
  /** The n-th argument of a function by the platform's calling convention; those in registers only. */
  argument(index: number): bigint;
}
