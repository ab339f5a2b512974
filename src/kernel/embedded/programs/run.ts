import type { Task } from "../events/task.ts";
import type { SeqFile } from "../iterators/seq-file.ts";
import type { Memory } from "../memory.ts";
import type { PacketContext } from "./packet.ts";
import type { BpfProgram } from "./program.ts";

/** What is running: one program at a time, with its tail calls and callbacks. */
export interface Run {
  readonly program: BpfProgram;
  readonly task: Task;
  readonly cpu: number;
  /** Address of the program's context; 0 for none. */
  readonly context: number;
  /** What bpf_get_attach_cookie says. */
  readonly cookie?: bigint;
  readonly packet?: PacketContext | undefined;
  /** Where an iterator's program writes. */
  readonly output?: SeqFile;
  /** What programs of cgroups read and set beside their context. */
  readonly state?: HookState;
}

export interface HookState {
  /** What the system call is to answer: 0 or a negative error number. */
  result: number;
  readonly sysctl?: { readonly name: string; readonly current: string; next: string | undefined };
}

/** Who runs programs. */
export interface Runner {
  readonly memory: Memory;
  /** This process: who runs where nobody else is said to. */
  readonly self: Task;
  /**
   * Runs a program `repeat` times; the last result is r0.
   * @throws BpfkitError `vm/fault` and `vm/fuel` with the program's name
   */
  execute(run: Run, repeat?: number): bigint;
}
