import { BpfkitError } from "../../../errors.ts";
import type { Entry, EventEntry, RecordingReader } from "../../../recording/index.ts";
import type { FollowedProcess, LeftProcesses, ProcessEnd, ProcessHost } from "../../index.ts";
import { hookName } from "../events/index.ts";
import type { EventHost, EventSource, Hook, Task } from "../events/index.ts";
import { TaskTable } from "../processes/task-table.ts";
import { RAW_TRACEPOINTS, Tracepoints } from "../processes/tracepoints.ts";
import {
  CALL_ENTRY,
  CALL_EXIT,
  CALL_RECORD,
  callName,
  callResult,
  originOf,
  viewOf,
} from "./derived-events.ts";
import type { EventClock } from "./event-clock.ts";
import { MemoryImage } from "./memory-image.ts";
import { RecordedFacts } from "./recorded-facts.ts";
import { RecordedFiles } from "./recorded-files.ts";
import { callRegisters, REGISTERS_SIZE } from "./registers.ts";
import { ReplayedTask } from "./replayed-task.ts";

/** The event loop gets a turn this often, for signals and progress. */
const TURN_MILLISECONDS = 20;

export interface ReplayOptions {
  readonly reader: RecordingReader;
  readonly clock: EventClock;
  /** Stop behind the event of this number, the first being 1. */
  readonly until?: number | undefined;
}

/** An event source that raises again what a recording holds, in the recording's own time. */
export class ReplaySource implements EventSource, ProcessHost, Disposable {
  readonly self: Task;
  readonly files: RecordedFiles;
  readonly #options: ReplayOptions;
  readonly #points: Tracepoints;
  readonly #facts: RecordedFacts;
  readonly #hooks: string[] = [];
  readonly #attached = new Map<string, number>();
  readonly #tasks = new Map<number, ReplayedTask>();
  readonly #images = new Map<number, MemoryImage>();
  #host: EventHost | undefined;
  #table: TaskTable | undefined;
  #finish: (end: ProcessEnd) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  readonly #ended: Promise<ProcessEnd>;
  #running = false;
  #disposed = false;
  #delivered = false;
  /** When the event loop had its last turn. */
  #turnAt = 0;
  /** In the embedded kernel's memory; 0 before it is needed. */
  #registers = 0;
  #events = 0;
  #finished = false;
  #missing = 0;
  #lost = 0;

  /** @throws RecordingError */
  constructor(options: ReplayOptions) {
    const { environment } = options.reader;
    this.#options = options;
    this.#points = new Tracepoints(environment.arch);
    this.#facts = new RecordedFacts(environment);
    this.#ended = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    const files = new Map<string, Uint8Array>();
    // What scripts are compiled against comes before the first event.
    for (const entry of options.reader.entries()) {
      if (entry.kind === "file") files.set(entry.path, entry.bytes);
      else if (entry.kind === "hook") this.#hooks.push(entry.name);
      else if (entry.kind !== "environment") break;
    }
    this.files = new RecordedFiles(files, this.#hooks, this.#points, this.#facts);
    this.self = { ...environment.self, tgid: environment.self.pid, address: 0, readUser: () => false };
  }

  /** What the events are about: the command or process of -c or -p. */
  get recorded(): FollowedProcess & { readonly started: boolean } {
    const { pid, command } = this.#options.reader.environment;
    return { pid, ended: this.#ended, started: command !== undefined };
  }

  /** Whether the recording was read to its end. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Events that were raised. */
  get events(): number {
    return this.#events;
  }

  /** Reads of memory that the recording does not hold. */
  get missing(): number {
    return this.#missing;
  }

  /** Events that the recorder lost. */
  get lost(): number {
    return this.#lost;
  }

  start(host: EventHost): void {
    this.#host = host;
    this.#table = new TaskTable(host.memory, this.#facts);
  }

  attach(hook: Hook): Disposable | undefined {
    const name = hookName(hook);
    const there = this.#hooks.includes(name);
    const origin = originOf(name);
    const derived = origin !== undefined && this.#hooks.includes(origin);
    if (!there && !derived) return undefined;
    if (hook.kind === "tracepoint" && derived && !this.#points.find(hook.category, hook.event))
      return undefined;
    if (hook.kind === "rawtracepoint" && !Object.hasOwn(RAW_TRACEPOINTS, hook.event)) return undefined;
    this.#attached.set(name, (this.#attached.get(name) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const count = this.#attached.get(name) ?? 0;
        if (count > 1) this.#attached.set(name, count - 1);
        else this.#attached.delete(name);
      },
    };
  }

  tracepoint(id: number): { readonly category: string; readonly event: string } | undefined {
    return this.files.tracepoint(id);
  }

  task(pid: number): Task | undefined {
    return this.#facts.has(pid) ? this.#task(pid) : undefined;
  }

  startCommand(): FollowedProcess {
    return this.recorded;
  }

  follow(): FollowedProcess {
    return this.recorded;
  }

  go(): void {
    if (this.#running) return;
    this.#running = true;
    this.#run().then(
      () => this.#finish(THE_END),
      (error: unknown) => this.#fail(error),
    );
  }

  end(): LeftProcesses {
    this.#disposed = true;
    this.#finish(THE_END);
    return { kept: [], killed: [] };
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Lets readers read what programs have sent. */
  settle(): void {
    if (this.#host?.settle()) this.#delivered = true;
  }

  async #run(): Promise<void> {
    const { reader, clock, until = Number.POSITIVE_INFINITY } = this.#options;
    const hooks: string[] = [];
    this.#turnAt = performance.now();
    for (const entry of reader.entries()) {
      if (entry.kind === "event" || entry.kind === "end") {
        const time = clock.start + BigInt(entry.time);
        // Each timer by itself: what it shows may be the end, and there may be very many.
        for (let next = clock.next; next !== undefined && next <= time; next = clock.next) {
          clock.advanceTo(next);
          if (this.#wantsTurn()) await this.#turn();
          if (this.#disposed) return;
        }
        clock.advanceTo(time);
      }
      this.#take(entry, hooks);
      if (this.#wantsTurn()) await this.#turn();
      if (this.#disposed || this.#events >= until) return;
    }
    this.#finished = true;
  }

  /** Somebody read something, and whether that was the end is known behind the turn; or it is time for signals. */
  #wantsTurn(): boolean {
    return this.#delivered || performance.now() - this.#turnAt > TURN_MILLISECONDS;
  }

  async #turn(): Promise<void> {
    this.#delivered = false;
    await new Promise((resolve) => setImmediate(resolve));
    this.#turnAt = performance.now();
  }

  #take(entry: Entry, hooks: string[]): void {
    switch (entry.kind) {
      case "hook":
        hooks.push(entry.name);
        break;
      case "task":
        this.#facts.apply(entry);
        this.#table?.touch(entry.pid, true);
        break;
      case "taskEnd":
        this.#facts.end(entry.pid);
        this.#table?.end(entry.pid);
        this.#tasks.delete(entry.pid);
        this.#images.delete(entry.pid);
        break;
      case "lost":
        this.#lost += entry.count;
        break;
      case "event": {
        this.#events++;
        const hook = hooks[entry.hook];
        if (hook !== undefined) this.#happen(hook, whole(hook, entry));
        break;
      }
      default:
        break;
    }
  }

  /** One event and what else it is. The order is that of the process source. */
  #happen(hook: string, event: EventEntry): void {
    const { pid, context } = event;
    const entry = hook === CALL_ENTRY || hook.startsWith("tracepoint:syscalls:sys_enter_");
    this.#image(pid).add(event.memory, entry);
    if (this.#attached.size === 0) return;
    const task = this.#task(pid);
    task.stack = event.stack;
    this.#table?.touch(pid);
    const raise = (name: string, record: () => Uint8Array): void => {
      if (!this.#attached.has(name)) return;
      this.#host?.raise(name, record(), { task, cpu: event.cpu });
      this.settle();
    };
    const raw = RAW_FORMS[hook];
    if (raw && !this.#hooks.includes(raw.name))
      raise(raw.name, () => this.#rawArguments(raw.args, hook, event));
    raise(hook, () => context);
    if (hook !== CALL_ENTRY && hook !== CALL_EXIT) return;
    const call = callName(this.#points, context);
    const own = `syscalls:sys_${entry ? "enter" : "exit"}_${call}`;
    if (call !== undefined) raise(`tracepoint:${own}`, () => this.#callRecord(entry, call, context));
  }

  /** The record of a call's own tracepoint. */
  #callRecord(entry: boolean, call: string, context: Uint8Array): Uint8Array {
    const point = this.#points.find("syscalls", `sys_${entry ? "enter" : "exit"}_${call}`);
    const count = (point?.fields.length ?? 1) - 1;
    const record = new Uint8Array(CALL_RECORD.args + count * 8);
    record.set(context.subarray(0, record.length));
    const view = viewOf(record);
    view.setUint16(0, point?.id ?? 0, true);
    // The number has 32 bits here.
    view.setUint32(CALL_RECORD.number + 4, 0, true);
    return record;
  }

  #rawArguments(args: readonly RawArgument[], hook: string, event: EventEntry): Uint8Array {
    const words = args.map((argument) => this.#rawArgument(argument, hook, event));
    return new Uint8Array(BigUint64Array.from(words, (word) => BigInt.asUintN(64, word)).buffer);
  }

  #rawArgument(argument: RawArgument, hook: string, { pid, context }: EventEntry): bigint {
    const memory = this.#host?.memory;
    const [, category = "", event = ""] = hook.split(":");
    switch (argument.is) {
      case "registers": {
        if (!memory) return 0n;
        this.#registers ||= memory.allocate(REGISTERS_SIZE);
        const { arch } = this.#options.reader.environment;
        const bytes = callRegisters(arch, viewOf(context), hook === CALL_ENTRY);
        memory.slice(this.#registers, bytes.length).set(bytes);
        return memory.pointer(this.#registers);
      }
      case "call":
        return BigInt(viewOf(context).getInt32(CALL_RECORD.number, true));
      case "result":
        return callResult(context);
      case "self":
        return memory?.pointer(this.#task(pid).address) ?? 0n;
      case "task": {
        const other = this.files.number(category, event, argument.field, context) ?? 0;
        return memory?.pointer(this.#task(other).address) ?? 0n;
      }
      case "number":
        return BigInt(this.files.number(category, event, argument.field, context) ?? 0);
      case "nothing":
        return 0n;
    }
  }

  #image(pid: number): MemoryImage {
    const known = this.#images.get(pid);
    if (known) return known;
    const image = new MemoryImage();
    this.#images.set(pid, image);
    return image;
  }

  #task(pid: number): ReplayedTask {
    const known = this.#tasks.get(pid);
    if (known) return known;
    if (!this.#table)
      throw new BpfkitError("The recording's kernel has not started", { code: "recording/start" });
    const task = new ReplayedTask(pid, this.#facts, this.#table, this.#image(pid), () => this.#missing++);
    this.#tasks.set(pid, task);
    return task;
  }
}

/** A system call's event with all of its record, whatever is in the file. */
function whole(hook: string, event: EventEntry): EventEntry {
  const size = hook === CALL_ENTRY ? ENTRY_SIZE : hook === CALL_EXIT ? EXIT_SIZE : 0;
  if (event.context.length >= size) return event;
  const context = new Uint8Array(size);
  context.set(event.context);
  return { ...event, context };
}

const ENTRY_SIZE = CALL_RECORD.args + CALL_RECORD.argCount * 8;
const EXIT_SIZE = CALL_RECORD.result + 8;

/** How the process ended is not recorded. */
const THE_END: ProcessEnd = { code: null, signal: null };

/** What an argument of a raw tracepoint is made of. */
type RawArgument =
  | { readonly is: "registers" | "call" | "result" | "self" | "nothing" }
  | { readonly is: "task" | "number"; readonly field: string };

/** Raw tracepoints that are made of recorded events, with their arguments as TP_PROTO has them. */
const RAW_FORMS: Readonly<Record<string, { readonly name: string; readonly args: readonly RawArgument[] }>> =
  {
    [CALL_ENTRY]: { name: "rawtracepoint:sys_enter", args: [{ is: "registers" }, { is: "call" }] },
    [CALL_EXIT]: { name: "rawtracepoint:sys_exit", args: [{ is: "registers" }, { is: "result" }] },
    "tracepoint:sched:sched_process_fork": {
      name: "rawtracepoint:sched_process_fork",
      args: [{ is: "self" }, { is: "task", field: "child_pid" }],
    },
    "tracepoint:sched:sched_process_exec": {
      name: "rawtracepoint:sched_process_exec",
      args: [{ is: "self" }, { is: "number", field: "old_pid" }, { is: "nothing" }],
    },
    "tracepoint:sched:sched_process_exit": {
      name: "rawtracepoint:sched_process_exit",
      args: [{ is: "self" }, { is: "number", field: "group_dead" }],
    },
  };
