import type { LeftProcesses } from "../../index.ts";
import { PTRACE, PTRACE_EVENT, SIGNAL, STOPPING } from "./requests.ts";
import { startKeeper, keeperPath, mayHoldStrangers } from "./start-keeper.ts";
import type { Tracee } from "./tracee.ts";

/** How long letting go waits for threads that the kernel cannot stop just now. */
const PATIENCE_MS = 1000;

const BIRTHS: ReadonlySet<number> = new Set([PTRACE_EVENT.FORK, PTRACE_EVENT.VFORK, PTRACE_EVENT.CLONE]);

/** What letting go needs of the tracer. */
export interface Holder {
  readonly tracees: ReadonlyMap<number, Tracee>;
  /** Children of vfork(2) before their execve: their parents cannot stop as long. */
  readonly borrowing: Set<number>;
  /** Negative where it failed. */
  ptrace(request: number, pid: number, data: number): number;
  kill(pid: number, signal: number): void;
  /** A thread that has stopped or ended: undefined where none has just now, "nobody" where none is held any more. */
  next(): readonly [pid: number, status: number] | undefined | "nobody";
  /** The child of a thread that stands at the event of its birth; undefined where it is not held any more. */
  child(pid: number): number | undefined;
  /** Takes in a thread that is new. */
  adopt(pid: number): Tracee;
  forget(pid: number): void;
  /** Takes a process's breakpoints out of its code. */
  clearBreakpoints(process: number): void;
  /** The thread stands at a breakpoint, which it has not met yet from now on. */
  stepBack(tracee: Tracee): boolean;
}

/**
 * Lets everything go at the end: the commands that were started are killed, and all other processes go on. Those
 * with a filter need a tracer as long as they live, for the kernel fails the calls that it stops where there is none:
 * they are handed to a process that does nothing but hold them. What the kernel cannot stop in time it lets go with
 * this thread.
 */
export function letGo(holder: Holder, commands: ReadonlySet<number>): LeftProcesses {
  const keepable = mayHoldStrangers() && keeperPath() !== undefined;
  const killed = new Set<number>();
  const doomed = ({ process, filtered }: Tracee): boolean => commands.has(process) || (filtered && !keepable);
  const stopping = new Set<number>();
  const asleep = new Set<number>();
  const begin = (tracee: Tracee): void => {
    const { pid, process } = tracee;
    if (doomed(tracee)) {
      if (!commands.has(process)) killed.add(process);
      holder.kill(process, SIGNAL.KILL);
      return;
    }
    holder.clearBreakpoints(process);
    if (tracee.listening) asleep.add(process);
    if (tracee.filtered && !stopping.has(process) && !holder.borrowing.has(process))
      holder.kill(process, SIGNAL.STOP);
    stopping.add(process);
    if (tracee.told) {
      // It stands at a stop that nobody answered any more, and tells of no other.
      holder.ptrace(tracee.filtered ? PTRACE.CONT : PTRACE.DETACH, pid, 0);
      if (!tracee.filtered) holder.forget(pid);
    }
    holder.ptrace(PTRACE.INTERRUPT, pid, 0);
  };
  for (const tracee of holder.tracees.values()) begin(tracee);

  const parked = new Map<number, number>();
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const end = Date.now() + PATIENCE_MS;
  while (holder.tracees.size > parked.size && Date.now() < end) {
    const next = holder.next();
    if (next === "nobody") break;
    if (next === undefined) {
      Atomics.wait(pause, 0, 0, 1);
      continue;
    }
    const [pid, status] = next;
    if ((status & 0xff) !== 0x7f) {
      holder.forget(pid);
      holder.borrowing.delete(pid);
      parked.delete(pid);
      continue;
    }
    const known = holder.tracees.get(pid);
    const tracee = known ?? holder.adopt(pid);
    if (!known) begin(tracee);
    if (doomed(tracee)) {
      // Killed processes, too, stop at their end.
      holder.ptrace(PTRACE.CONT, pid, 0);
      continue;
    }
    const signal = (status >> 8) & 0xff;
    const event = status >> 16;
    // It is held already, and its first stop may come when its parent is gone.
    const child = BIRTHS.has(event) ? holder.child(pid) : undefined;
    if (child !== undefined) {
      if (event === PTRACE_EVENT.VFORK) holder.borrowing.add(child);
      if (!holder.tracees.has(child)) begin(holder.adopt(child));
      else if (event === PTRACE_EVENT.VFORK && stopping.has(child)) {
        // It came before its parent told of it, and was told to stop too early.
        holder.kill(child, SIGNAL.CONT);
        if (parked.delete(child)) holder.ptrace(PTRACE.CONT, child, 0);
      }
    }
    if (event === PTRACE_EVENT.EXEC && holder.borrowing.delete(pid) && tracee.filtered)
      holder.kill(pid, SIGNAL.STOP);
    const met = event === 0 && signal === SIGNAL.TRAP && holder.stepBack(tracee);
    const deliver = event === 0 && signal !== (SIGNAL.TRAP | 0x80) && !met ? signal : 0;
    if (!tracee.filtered) {
      holder.ptrace(PTRACE.DETACH, pid, deliver);
      holder.forget(pid);
    } else if (event === PTRACE_EVENT.STOP && STOPPING.has(signal)) parked.set(pid, tracee.process);
    else holder.ptrace(PTRACE.CONT, pid, deliver);
  }
  for (const { pid, process, filtered } of holder.tracees.values()) {
    if (parked.has(pid) || !filtered) continue;
    holder.kill(process, SIGNAL.KILL);
    killed.add(process);
  }
  const processes = new Set([...parked.values()].filter((process) => !killed.has(process)));
  for (const pid of parked.keys()) holder.ptrace(PTRACE.DETACH, pid, 0);
  const keeper = processes.size > 0 ? startKeeper([...processes]) : undefined;
  if (keeper === undefined) {
    for (const process of processes) {
      holder.kill(process, SIGNAL.KILL);
      killed.add(process);
    }
    return { kept: [], killed: [...killed] };
  }
  for (const process of processes) if (!asleep.has(process)) holder.kill(process, SIGNAL.CONT);
  return { kept: [...processes], keeper, killed: [...killed] };
}
