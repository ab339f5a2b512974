import type {
  RecordingEnvironment,
  EventEntry,
  MemoryPiece,
  RecordingWriter,
} from "../../../recording/index.ts";
import type {
  FollowedProcess,
  HostFiles,
  LeftProcesses,
  ProcessEnd,
  ProcessHost,
  TracedCommand,
} from "../../index.ts";
import { hookName } from "../events/index.ts";
import { readText } from "../processes/proc-files.ts";
import type { ProcessFacts } from "../processes/process-facts.ts";
import { Tracepoints } from "../processes/tracepoints.ts";
import type { EventHost, EventSource, Hook, RaiseOptions, Task } from "../events/index.ts";
import { CallMemory } from "./call-memory.ts";
import {
  CALL_ENTRY,
  CALL_EXIT,
  callArguments,
  callName,
  callResult,
  isCallEntry,
  originOf,
} from "./derived-events.ts";
import type { EventClock } from "./event-clock.ts";
import type { KeptFacts } from "./kept-facts.ts";
import { TRACEFS } from "./recorded-files.ts";
import { WitnessTask } from "./witness-task.ts";

/** Events of a recording that is to serve scripts which nobody has written yet. */
export const DEFAULT_EVENTS: readonly Hook[] = [
  { kind: "tracepoint", category: "raw_syscalls", event: "sys_enter" },
  { kind: "tracepoint", category: "raw_syscalls", event: "sys_exit" },
  { kind: "tracepoint", category: "sched", event: "sched_process_fork" },
  { kind: "tracepoint", category: "sched", event: "sched_process_exec" },
  { kind: "tracepoint", category: "sched", event: "sched_process_exit" },
  { kind: "tracepoint", category: "task", event: "task_newtask" },
  { kind: "tracepoint", category: "signal", event: "signal_deliver" },
];
/** Without these nobody knows who the others are. */
export const PROCESS_EVENTS: readonly Hook[] = DEFAULT_EVENTS.slice(2, 5);

/** Calls that make a thread another one: what is known of it is read again behind them. */
const CHANGES =
  /^(set(re|res|fs)?[ug]id(16)?|setgroups|setns|unshare|prctl|setsid|setpgid|capset|setpriority|execve|execveat)$/;
const EXECUTED = "tracepoint:sched:sched_process_exec";
const FORKED = "tracepoint:sched:sched_process_fork";
const EXITED = "tracepoint:sched:sched_process_exit";

/** What is recorded is in the file after this time, however the recorder ends. */
const FLUSH_MILLISECONDS = 1000;
/** Bytes of a command's arguments. */
const MOST_ARGUMENTS = 4096;

export interface RecordingOptions {
  readonly writer: RecordingWriter;
  readonly clock: EventClock;
  readonly facts: KeptFacts;
  readonly environment: Omit<
    RecordingEnvironment,
    "kind" | "command" | "pid" | "start" | "realtime" | "boottime" | "tai"
  >;
  readonly events: readonly Hook[];
  /** Most bytes of a buffer. */
  readonly snap: number;
  /** The machine's monotonic clock. */
  readonly monotonic: () => bigint;
}

/** One stop of a thread: all that it raises happens at one time. */
interface OpenEvent {
  readonly time: number;
  readonly memory: Map<bigint, MemoryPiece>;
  stack: readonly bigint[];
  /** Whose record it is; undefined until that is raised. */
  origin: Pick<EventEntry, "hook" | "pid" | "context" | "cpu"> | undefined;
}

type RecordedSource = EventSource & ProcessHost & Disposable;

/** An event source that keeps what another one raises, and what programs see meanwhile. */
export class RecordingSource implements EventSource, ProcessHost, Disposable {
  readonly files: Partial<HostFiles>;
  readonly facts?: ProcessFacts;
  readonly #inner: RecordedSource;
  readonly #options: RecordingOptions;
  readonly #memory: CallMemory;
  readonly #points: Tracepoints;
  readonly #indexes = new Map<string, number>();
  readonly #recorded = new Set<string>();
  readonly #calls = new Map<number, { readonly name: string; readonly args: BigUint64Array }>();
  readonly #witnesses = new WeakMap<Task, WitnessTask>();
  readonly #attached: Disposable[] = [];
  #host: EventHost | undefined;
  #open: OpenEvent | undefined;
  #command: string | undefined;
  #pid = 0;
  #running = false;
  #ended = false;
  #alarm: NodeJS.Timeout | undefined;
  #flusher: NodeJS.Timeout | undefined;

  constructor(inner: RecordedSource, options: RecordingOptions) {
    this.#inner = inner;
    this.#options = options;
    this.files = inner.files ?? {};
    if (inner.facts) this.facts = inner.facts;
    this.#memory = new CallMemory(options.snap);
    this.#points = new Tracepoints(options.environment.arch);
  }

  start(host: EventHost): void {
    this.#host = host;
    this.#inner.start({
      memory: host.memory,
      get structs() {
        return host.structs;
      },
      raise: (hook, context, options) => this.#raise(hook, context, options),
      get waiting() {
        return host.waiting;
      },
      settle: () => host.settle(),
      stopped: () => this.#stopped(),
    });
  }

  attach(hook: Hook): Disposable | undefined {
    const attached = this.#inner.attach(hook);
    if (attached) this.#add(hookName(hook));
    return attached;
  }

  tracepoint(id: number): { readonly category: string; readonly event: string } | undefined {
    return this.#inner.tracepoint(id);
  }

  task(pid: number): Task | undefined {
    return this.#inner.task?.(pid);
  }

  startCommand(command: TracedCommand): FollowedProcess {
    this.#command = [command.path, ...command.args].join(" ");
    return this.#followed(this.#inner.startCommand(command));
  }

  follow(pid: number): FollowedProcess {
    return this.#followed(this.#inner.follow(pid));
  }

  go(): void {
    if (this.#running) return;
    this.#running = true;
    this.#begin();
    this.#inner.go();
    this.#flusher = setInterval(() => this.#flush(), FLUSH_MILLISECONDS).unref();
    this.#setAlarm();
  }

  /** The end of the recording; what comes behind is not in it. */
  end(): LeftProcesses {
    this.#end();
    clearTimeout(this.#alarm);
    clearInterval(this.#flusher);
    for (const each of this.#attached.splice(0)) each[Symbol.dispose]();
    return this.#inner.end();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #followed({ pid, ended }: FollowedProcess): FollowedProcess {
    this.#pid = pid;
    // Only now there is something that can be asked for events.
    for (const hook of this.#options.events) {
      const attached = this.#inner.attach(hook);
      if (!attached) continue;
      this.#attached.push(attached);
      this.#add(hookName(hook));
    }
    return { pid, ended: this.#watch(ended) };
  }

  async #watch(ended: Promise<ProcessEnd>): Promise<ProcessEnd> {
    const end = await ended;
    this.#end();
    return end;
  }

  #add(hook: string): void {
    this.#recorded.add(hook);
    if (this.#running) this.#number(hook);
  }

  /** Number of a hook that events are recorded of; undefined for those that are made of others. */
  #number(hook: string): number | undefined {
    const known = this.#indexes.get(hook);
    if (known !== undefined) return known;
    const origin = originOf(hook);
    if (origin !== undefined && this.#recorded.has(origin)) return undefined;
    const index = this.#indexes.size;
    this.#indexes.set(hook, index);
    const [kind, category, event] = hook.split(":");
    const format = `events/${category}/${event}/format`;
    const text = kind === "tracepoint" ? this.files.tracefs?.(format) : undefined;
    if (text !== undefined) this.#keep(TRACEFS + format, Buffer.from(text));
    this.#options.writer.add({ kind: "hook", name: hook });
    return index;
  }

  #keep(path: string, bytes: Uint8Array | undefined): void {
    if (bytes) this.#options.writer.add({ kind: "file", path, bytes });
  }

  #begin(): void {
    const { writer, clock, environment } = this.#options;
    const { realtime, boottime, tai } = clock.offsets;
    const { start } = clock;
    const times = { start, realtime, boottime, tai };
    writer.add({ kind: "environment", ...environment, ...times, command: this.#command, pid: this.#pid });
    for (const path of KEPT_FILES) this.#keep(path, bytesOf(readText(path)));
    for (const hook of this.#recorded) this.#number(hook);
    this.#options.facts.describe(this.#pid);
    this.#write();
    writer.flush();
  }

  /** A thread has stopped: what comes next is about this. */
  #stopped(): void {
    if (!this.#running || this.#ended) return;
    this.#close();
    const { clock, monotonic } = this.#options;
    clock.advanceTo(monotonic());
    this.#open = {
      time: Number(clock.now - clock.start),
      memory: new Map(),
      stack: [],
      origin: undefined,
    };
  }

  #raise(hook: string, context: Uint8Array, options: RaiseOptions = {}): number {
    const host = this.#host;
    const { task, cpu = 0 } = options;
    if (!host || !task || !this.#open) return host?.raise(hook, context, options) ?? 0;
    const witness = this.#witness(task);
    const index = this.#number(hook);
    if (index !== undefined) {
      // Two of them in one stop, as of a new process and its thread, are two events.
      if (this.#open.origin) this.#write();
      this.#open.origin = { hook: index, pid: task.pid, context: Uint8Array.from(context), cpu };
      this.#look(hook, context, witness);
    }
    host.raise(hook, context, { ...options, task: witness });
    host.settle();
    // Whether programs ran or not: there is something for the file.
    return 1;
  }

  #witness(task: Task): WitnessTask {
    const known = this.#witnesses.get(task);
    if (known) return known;
    const witness = new WitnessTask(
      task,
      (piece) => this.#saw(piece),
      (stack) => {
        if (this.#open) this.#open.stack = stack;
      },
    );
    this.#witnesses.set(task, witness);
    return witness;
  }

  /** The longest of what was read at an address. */
  #saw(piece: MemoryPiece): void {
    const memory = this.#open?.memory;
    const known = memory?.get(piece.address);
    const better = !known || (known.state === piece.state && known.bytes.length < piece.bytes.length);
    if (better || (known.state === "fault" && piece.state === "held")) memory?.set(piece.address, piece);
  }

  /** Looks at what later scripts may want to know. */
  #look(hook: string, context: Uint8Array, task: WitnessTask): void {
    const { pid } = task;
    const { facts } = this.#options;
    if (!facts.knows(pid)) facts.describe(pid);
    // The name and the rest, as far as they are not known to be the same.
    void task.comm;
    if (isCallEntry(hook)) {
      const name = hook === CALL_ENTRY ? callName(this.#points, context) : hook.slice(SPECIFIC_ENTRY);
      if (name === undefined) return;
      const args = callArguments(context);
      this.#calls.set(pid, { name, args });
      this.#memory.read(task, name, args);
    } else if (hook === CALL_EXIT || hook.startsWith("tracepoint:syscalls:sys_exit_")) {
      const call = this.#calls.get(pid);
      this.#calls.delete(pid);
      if (!call) return;
      if (CHANGES.test(call.name)) facts.describe(pid);
      // After execve the old addresses mean nothing.
      if (!call.name.startsWith("execve")) this.#memory.read(task, call.name, call.args, callResult(context));
    } else if (hook === EXECUTED) {
      facts.describe(pid);
      const { argStart = 0n, argEnd = 0n } = facts.task(pid)?.memory ?? {};
      if (argEnd > argStart) {
        const size = argEnd - argStart;
        task.readUser(argStart, new Uint8Array(size < MOST_ARGUMENTS ? Number(size) : MOST_ARGUMENTS));
      }
    } else if (hook === FORKED) {
      const child = this.#points.number(FORK, "child_pid", context);
      if (child !== undefined) facts.describe(child);
    } else if (hook === EXITED) facts.task(pid);
  }

  /** What is known of threads stands in front of the event in which it became known. */
  #write(): void {
    const { writer, facts } = this.#options;
    for (const entry of facts.take()) writer.add(entry);
    const open = this.#open;
    if (!open?.origin) return;
    const { time, stack, origin } = open;
    writer.add({ kind: "event", ...origin, time, memory: [...open.memory.values()], stack });
    open.origin = undefined;
    open.memory.clear();
    open.stack = [];
  }

  #close(): void {
    this.#write();
    this.#open = undefined;
  }

  #flush(): void {
    this.#close();
    this.#options.writer.flush();
  }

  #end(): void {
    if (!this.#running || this.#ended) return;
    const { clock, writer, monotonic } = this.#options;
    this.#close();
    clock.advanceTo(monotonic());
    this.#ended = true;
    writer.add({ kind: "end", time: Number(clock.now - clock.start) });
    writer.flush();
  }

  /** Timers fire at their time even if nothing happens. */
  #setAlarm(): void {
    clearTimeout(this.#alarm);
    if (this.#ended) return;
    const { clock, monotonic } = this.#options;
    const wait = clock.next === undefined ? LONGEST_WAIT : Number(clock.next - monotonic()) / 1e6;
    this.#alarm = setTimeout(
      () => {
        this.#close();
        clock.advanceTo(monotonic());
        this.#setAlarm();
      },
      Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(wait))),
    );
  }
}

/** A look at the clock at least this often, for timers that were set meanwhile. */
const LONGEST_WAIT = 20;
/** What scripts look up beside events: names of users. */
const KEPT_FILES = ["/etc/passwd"] as const;
const FORK = ["sched", "sched_process_fork"] as const;
const SPECIFIC_ENTRY = "tracepoint:syscalls:sys_enter_".length;

function bytesOf(latin1: string | undefined): Uint8Array | undefined {
  return latin1 === undefined ? undefined : Buffer.from(latin1, "latin1");
}
