import { BpfkitError } from "../../../errors.ts";
import type { Entry, EventEntry, RecordingReader } from "../../../recording/index.ts";
import type { FollowedProcess, LeftProcesses, ProcessEnd, ProcessHost } from "../../index.ts";
import { hookName } from "../events/index.ts";
import type { EventHost, EventSource, Hook, Task } from "../events/index.ts";
import { TaskTable } from "../processes/task-table.ts";
import { RAW_TRACEPOINTS, Tracepoints } from "../processes/tracepoints.ts";
import { isCallEntry, originOf } from "./derived-events.ts";
import type { EventClock } from "./event-clock.ts";
import { EventForms } from "./event-forms.ts";
import { MemoryImage } from "./memory-image.ts";
import { RecordedFacts } from "./recorded-facts.ts";
import { RecordedFiles } from "./recorded-files.ts";
import { ReplayedTask } from "./replayed-task.ts";

/** The event loop gets a turn this often, for signals and progress. */
const TURN_MILLISECONDS = 20;

export interface ReplayOptions {
  readonly reader: RecordingReader;
  readonly clock: EventClock;
  /** `go` ends behind the event of this number, the first being 1. */
  readonly until?: number | undefined;
  /** `go` raises nothing: whoever holds the source calls {@link ReplaySource.advance}. */
  readonly stepped?: boolean | undefined;
  /** Asked between two events; where it answers, the next one waits for it. */
  readonly pace?: (() => Promise<void> | void) | undefined;
}

/** An event source that raises again what a recording holds, in the recording's own time. */
export class ReplaySource implements EventSource, ProcessHost, Disposable {
  readonly self: Task;
  readonly files: RecordedFiles;
  readonly #options: ReplayOptions;
  readonly #points: Tracepoints;
  readonly #facts: RecordedFacts;
  /** Hooks that are there before the first event: scripts are compiled against these. */
  readonly #hooks: string[] = [];
  /** Hooks so far, by their numbers. */
  readonly #names: string[] = [];
  readonly #entries: Generator<Entry, void>;
  readonly #attached = new Map<string, number>();
  readonly #tasks = new Map<number, ReplayedTask>();
  readonly #images = new Map<number, MemoryImage>();
  #host: EventHost | undefined;
  #table: TaskTable | undefined;
  #forms: EventForms | undefined;
  #finish: (end: ProcessEnd) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  readonly #ended: Promise<ProcessEnd>;
  #running = false;
  #advancing = false;
  #disposed = false;
  #delivered = false;
  /** When the event loop had its last turn. */
  #turnAt = 0;
  #events = 0;
  #finished = false;
  #missing = 0;
  #lost = 0;

  /** @throws RecordingError */
  constructor(options: ReplayOptions) {
    const { environment } = options.reader;
    this.#options = options;
    this.#entries = options.reader.entries();
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

  get facts(): RecordedFacts {
    return this.#facts;
  }

  start(host: EventHost): void {
    this.#host = host;
    this.#table = new TaskTable(host.memory, this.#facts, () => host.structs);
    this.#forms = new EventForms({
      arch: this.#options.reader.environment.arch,
      hooks: this.#hooks,
      points: this.#points,
      files: this.files,
      memory: host.memory,
      address: (pid) => this.#task(pid).address,
    });
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
    if (this.#running || this.#options.stepped === true) return;
    this.#running = true;
    this.advance(this.#options.until).then(
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

  /**
   * Raises what is recorded, from where it stopped the last time up to the event of this number, or to the end.
   * @throws BpfkitError `recording/busy` while an earlier call goes on
   */
  async advance(until: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#advancing)
      throw new BpfkitError("The recording is being replayed already", {
        code: "recording/busy",
        hints: ["Await the call before, and then go on"],
      });
    this.#advancing = true;
    const { clock } = this.#options;
    this.#turnAt = performance.now();
    try {
      while (this.#events < until && !this.#disposed) {
        const { value: entry, done } = this.#entries.next();
        this.#finished = done === true;
        if (!entry) break;
        if (entry.kind === "event" || entry.kind === "end") {
          const time = clock.start + BigInt(entry.time);
          if (clock.next !== undefined && clock.next <= time) await this.#fireTimers(time);
          if (this.#disposed) break;
          clock.advanceTo(time);
        }
        this.#take(entry);
        if (this.#wantsTurn()) await this.#turn();
      }
    } finally {
      this.#advancing = false;
    }
  }

  /** Each by itself: what a timer shows may be the end, and there may be very many. */
  async #fireTimers(time: bigint): Promise<void> {
    const { clock } = this.#options;
    for (let { next } = clock; next !== undefined && next <= time && !this.#disposed; { next } = clock) {
      clock.advanceTo(next);
      if (this.#wantsTurn()) await this.#turn();
    }
  }

  /** Somebody read something, and whether that was the end is known behind the turn; or it is time for signals. */
  #wantsTurn(): boolean {
    return this.#delivered || performance.now() - this.#turnAt > TURN_MILLISECONDS;
  }

  async #turn(): Promise<void> {
    this.#delivered = false;
    await new Promise((resolve) => setImmediate(resolve));
    await this.#options.pace?.();
    this.#turnAt = performance.now();
  }

  #take(entry: Entry): void {
    switch (entry.kind) {
      case "hook":
        this.#names.push(entry.name);
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
        const hook = this.#names[entry.hook];
        if (hook !== undefined) this.#happen(hook, entry);
        break;
      }
      default:
        break;
    }
  }

  /** One event, and all else that it is. */
  #happen(hook: string, event: EventEntry): void {
    const { pid, cpu } = event;
    this.#image(pid).add(event.memory, isCallEntry(hook));
    if (this.#attached.size === 0) return;
    const task = this.#task(pid);
    task.stack = event.stack;
    this.#table?.touch(pid);
    this.#forms?.each(hook, event, (name, record) => {
      if (!this.#attached.has(name)) return;
      this.#host?.raise(name, record(), { task, cpu });
      this.settle();
    });
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

/** How the process ended is not recorded. */
const THE_END: ProcessEnd = { code: null, signal: null };
