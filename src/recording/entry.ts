import type { TaskChange } from "./task-fields.ts";

// A recording is a sequence of entries. First come the environment, files and hooks; then, in the order in which
// they happened, what threads became and what they did.

/** Where and how the recording was made. Times in nanoseconds. */
export interface RecordingEnvironment {
  readonly kind: "environment";
  /** The kernel whose events these are. */
  readonly kernel: "linux" | "embedded";
  /** As uname -r prints it. */
  readonly release: string;
  /** process.arch's names. */
  readonly arch: string;
  /** Possible CPUs. */
  readonly cpus: number;
  /** Version of bpfkit. */
  readonly version: string;
  /** As of -c. */
  readonly command: string | undefined;
  /** The process of -c or -p, whose end was the end; 0: the whole system. */
  readonly pid: number;
  /** The monotonic clock when the recording began: times of events are counted from here. */
  readonly start: bigint;
  /** What these clocks are ahead of the monotonic one. */
  readonly realtime: bigint;
  readonly boottime: bigint;
  readonly tai: bigint;
  /** As `Europe/Berlin`. */
  readonly timeZone: string;
  /** Of random numbers. */
  readonly seed: number;
  /** Who recorded: BEGIN and END run as this process. */
  readonly self: RecordedSelf;
  /** uname's names. */
  readonly node: string;
  readonly system: string;
}

/** The process of bpfkit that recorded. */
export interface RecordedSelf {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly comm: string;
  readonly cgroupId: bigint;
}

/** A file of the machine that scripts, or their compiler, look at: tracepoint formats, /etc/passwd, maps. */
export interface FileEntry {
  readonly kind: "file";
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A place where events come from, by the name that it has in the embedded kernel. Numbered in their order. */
export interface HookEntry {
  readonly kind: "hook";
  readonly name: string;
}

/** What is new about a thread. */
export interface TaskEntry {
  readonly kind: "task";
  readonly pid: number;
  readonly change: TaskChange;
}

/** A thread has ended. */
export interface TaskEndEntry {
  readonly kind: "taskEnd";
  readonly pid: number;
}

export interface EventEntry {
  readonly kind: "event";
  readonly hook: number;
  /** Nanoseconds from the start. */
  readonly time: number;
  /** The thread. */
  readonly pid: number;
  readonly cpu: number;
  /** What programs get. */
  readonly context: Uint8Array;
  /** Of the process, as it was then. */
  readonly memory: readonly MemoryPiece[];
  /** The call chain in the process, innermost address first; empty where it was not asked for. */
  readonly stack: readonly bigint[];
}

/** Bytes of a process's memory. */
export interface MemoryPiece {
  readonly address: bigint;
  /** `fault`: there was no memory; `bytes` says by its length how far. */
  readonly state: "held" | "fault";
  readonly bytes: Uint8Array;
}

/** Events that the recorder was too slow for. */
export interface LostEntry {
  readonly kind: "lost";
  readonly count: number;
}

/** The orderly end. */
export interface EndEntry {
  readonly kind: "end";
  /** Nanoseconds from the start. */
  readonly time: number;
}

export type Entry =
  | RecordingEnvironment
  | FileEntry
  | HookEntry
  | TaskEntry
  | TaskEndEntry
  | EventEntry
  | LostEntry
  | EndEntry;
