import type { LeftProcesses, TracedCommand } from "./process-tracer.ts";

/** A process whose events are raised: a command that was started, or one that ran already. */
export interface FollowedProcess {
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: number | null;
}

/** Who gives a kernel its processes, where the kernel does not have the system's own. */
export interface ProcessHost {
  /** Of a recording: what it is about, which runs no more. `started`: as a command (-c). */
  readonly recorded?: FollowedProcess & { readonly started: boolean };
  /** Starts a command, which waits until {@link go}. @throws BpfkitError */
  startCommand(command: TracedCommand): FollowedProcess;
  /** Takes hold of a running process. @throws BpfkitError */
  follow(pid: number): FollowedProcess;
  /** Lets the processes go, and raises their events from now on. What is attached later is not seen. */
  go(): void;
  /** Raises no more events and lets the processes go, but for commands that were started, which are killed. */
  end(): LeftProcesses;
}
