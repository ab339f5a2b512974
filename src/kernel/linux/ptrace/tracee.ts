import type { RegisterFile } from "./registers.ts";

/** A thread that is held. */
export interface Tracee {
  readonly pid: number;
  /** The process whose thread it is. */
  readonly process: number;
  /** Started by this tracer, or a descendant of such a process. */
  readonly owned: boolean;
  /** Has a seccomp filter by which only wanted calls stop, and which fail where nobody is there to stop them. */
  filtered: boolean;
  /** The stop at the exit of the call that it is in is wanted. */
  inCall: boolean;
  /** Told of by its parent, and not yet seen itself. */
  fresh: boolean;
  /** At a stop that was told, and not yet answered. */
  told: boolean;
  /** Stopped as by SIGSTOP, until SIGCONT. */
  listening: boolean;
  /** At a breakpoint: its registers as they are to be when it goes on. */
  registers: RegisterFile | undefined;
  /** A breakpoint that it has met, and meets again behind a signal, since its instruction is not yet made. */
  met: { readonly address: bigint; readonly stack: bigint } | undefined;
}
