import type { HostFiles } from "../../index.ts";
import type { Memory } from "../memory.ts";
import type { ProcessFacts } from "../processes/process-facts.ts";
import type { StructPlaces } from "../types/index.ts";
import type { Hook } from "./hook.ts";
import type { Task } from "./task.ts";

/** What an event source may do with the kernel that it feeds. */
export interface EventHost {
  readonly memory: Memory;
  /** Where members of structs lie, by the types that programs see. */
  readonly structs: StructPlaces;
  /**
   * Runs the programs that are attached to a hook (by its {@link hookName}), each on a fresh copy of the
   * context; gives how many ran.
   */
  raise(hook: string, context: Uint8Array, options?: RaiseOptions): number;
  /**
   * Lets readers of rings read what waits, here and now and not in the event loop's next turn; true if there was
   * something.
   */
  settle(): boolean;
  /** A thread has stopped, at one moment: all that is raised until the next call happens then. */
  stopped?(pid: number): void;
  /** Readers of rings have something to read, and wait for the event loop's next turn. */
  readonly waiting: boolean;
}

export interface RaiseOptions {
  /** Who runs meanwhile; by default this process. */
  readonly task?: Task;
  readonly cpu?: number;
}

/**
 * Where the events of an embedded kernel come from: processes under ptrace, a recording, a test. The kernel
 * asks it before a program is attached, and it raises events through the host.
 */
export interface EventSource {
  /** Called once, before anything else. */
  start(host: EventHost): void;
  /**
   * A program is being attached. Undefined if there is no such event (the caller gets ENOENT); disposal of the
   * result means that it was detached.
   */
  attach(hook: Hook): Disposable | undefined;
  /** The tracepoint of an id that the source's tracefs files gave. */
  tracepoint(id: number): { readonly category: string; readonly event: string } | undefined;
  /** The running kernel's files, as far as the source has its own: BTF, tracefs, … */
  readonly files?: Partial<HostFiles>;
  /** Who runs what no process of the source does, such as BEGIN; this process where it is not given. */
  readonly self?: Task;
  /** What is known of processes; where it is not given, iterators find this one alone. */
  readonly facts?: ProcessFacts;
  /** Processes by id, for task storage and descriptors of processes. */
  task?(pid: number): Task | undefined;
}
