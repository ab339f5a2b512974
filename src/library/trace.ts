import type { Diagnostic } from "../diagnostic.ts";
import { DiagnosticError } from "../diagnostic.ts";
import type { ReplayKernel } from "../kernel/embedded/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { Features } from "../loader/index.ts";
import type { ObjectSpec, TracePlan } from "../object/index.ts";
import { openKernel, openReplay } from "../open-kernel.ts";
import type { MapSnapshot } from "../report/index.ts";
import type { EventQueue, TraceEvent, TraceSession } from "../trace/index.ts";
import { DisposalStack } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";
import { readRecording, type Recording } from "./recording.ts";

/** A script of the tracing language, compiled: what is loaded, and what a session does with it. */
export interface CompiledScript {
  readonly object: ObjectSpec;
  readonly plan: TracePlan;
  readonly warnings: readonly Diagnostic[];
}

/**
 * What a script is compiled with.
 */
export interface CompileOptions {
  /** Absent: the running kernel, opened for this alone. */
  readonly kernel?: Kernel;
  /** Positional parameters `$1`, `$2`. */
  readonly parameters?: readonly string[];
  /** Named parameters of getopt(). */
  readonly named?: Readonly<Record<string, string>>;
  /** Only this process. */
  readonly pid?: number;
  /** Functions that change the system are allowed. */
  readonly unsafe?: boolean;
  /** What messages call the script; `script` where it is not given. */
  readonly name?: string;
}

/**
 * How a script is run.
 */
export interface TraceOptions extends CompileOptions {
  /** Runs this command, and ends with it. */
  readonly command?: string;
  /** Ends the session, as Ctrl-C does on the command line: what waits, END and the maps still come. */
  readonly signal?: AbortSignal;
  /** Runs over this recording, in its own time, and not on `kernel`; ends with it. */
  readonly recording?: Recording;
  /** With `recording`: ends behind the event of this number, with all maps as they are then, and without END. */
  readonly at?: number;
  /** Events that may wait to be read; 65,536 where it is not given. What comes beyond is counted as lost; a recording waits. */
  readonly limit?: number;
}

/**
 * Compiles a script of the tracing language (docs/tracing-language.md) for the kernel at hand.
 * @throws DiagnosticError with everything that is wrong with it
 *
 * @example
 * ```ts
 * import { compile } from "bpfkit";
 *
 * const { object, plan } = await compile('BEGIN { printf("hello\\n"); }');
 * console.log(object.programs.length, plan.probes.map(({ name }) => name));
 * // prints 1 [ 'begin' ]
 * ```
 */
export async function compile(script: string, options: CompileOptions = {}): Promise<CompiledScript> {
  using resources = new DisposalStack();
  const kernel = options.kernel ?? resources.use(await openKernel());
  return compileFor(script, options, kernel, new Features(kernel), false);
}

/**
 * Runs a script, or one that was compiled before, and gives what it tells as events. Leaving the loop, disposal and
 * `signal` end it; everything is detached then.
 * @throws DiagnosticError for a script with errors; AttachError, VerifierError, SyscallError while it starts
 *
 * @example
 * ```ts
 * import { trace } from "bpfkit";
 *
 * await using session = await trace('BEGIN { printf("%d\\n", 6 * 7); @done = count(); exit(); }');
 * for await (const event of session) {
 *   if (event.kind === "printf") console.log(event.args);
 *   if (event.kind === "map") console.log(event.map.name, event.map.entries[0]?.value);
 * }
 * // prints [ 42 ]
 * // prints @done 1
 * ```
 */
export async function trace(script: string | CompiledScript, options: TraceOptions = {}): Promise<TraceRun> {
  const resources = new DisposalStack();
  try {
    const { EventQueue, TraceSession } = await import("../trace/index.ts");
    let queue: EventQueue | undefined;
    const { pid, command, unsafe = false, recording, at } = options;
    refuseMixed(options);
    const replay = recording && (await openRecorded(recording, at, () => queue?.room(), resources));
    const kernel = replay?.kernel ?? options.kernel ?? resources.use(await openKernel());
    const features = new Features(kernel);
    const child = command !== undefined || replay?.processes.recorded.started === true;
    const compiled =
      typeof script === "string" ? await compileFor(script, options, kernel, features, child) : script;
    const session = new TraceSession(compiled.object, compiled.plan, {
      kernel,
      features,
      unsafe,
      still: at !== undefined,
      ...(replay && { processes: replay.processes }),
      ...(pid !== undefined && { pid }),
      ...(command !== undefined && { command }),
      reporter: (resolver) => (queue = new EventQueue(resolver, options.limit)),
    });
    return new TraceRun(resources.use(session), queue!, resources, options.signal);
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

/**
 * A session that runs: its events, and its end.
 *
 * @example
 * ```ts
 * import { trace } from "bpfkit";
 *
 * await using session = await trace("interval:ms:10 { @ticks = count(); exit(); }");
 * console.log(await session.ended);
 * // prints 0
 * ```
 */
export class TraceRun implements AsyncIterable<TraceEvent>, AsyncDisposable {
  /** Resolves to the code of exit() when the session has ended; rejects with what ended it. */
  readonly ended: Promise<number>;
  readonly #session: TraceSession;
  readonly #queue: EventQueue;
  #over = false;

  /** Runs are made by {@link trace}. */
  constructor(session: TraceSession, queue: EventQueue, resources: DisposalStack, signal?: AbortSignal) {
    this.#session = session;
    this.#queue = queue;
    const stop = (): void => this.stop();
    signal?.addEventListener("abort", stop, { once: true });
    this.ended = run(session, () => {
      this.#over = true;
      queue.close();
      signal?.removeEventListener("abort", stop);
      resources[Symbol.dispose]();
    });
    if (signal?.aborted) stop();
    // Whoever iterates is told; nobody else need listen.
    this.ended.catch(() => undefined);
  }

  /** Ends the session, as Ctrl-C does on the command line: what waits, END and the maps still come. */
  stop(): void {
    this.#session.stop();
  }

  /**
   * What all maps of the script hold now.
   * @throws LibraryError `library/closed` once the session has ended: its last events are the maps then
   */
  maps(): MapSnapshot[] {
    if (this.#over) throw new LibraryError("library/closed", "The session has ended, and its maps with it");
    return this.#session.maps();
  }

  /** Events that wait to be read, now. */
  take(): TraceEvent[] {
    return this.#queue.take();
  }

  /** @throws what ended the session, once all events before that were read */
  async *[Symbol.asyncIterator](): AsyncGenerator<TraceEvent, void, void> {
    try {
      for await (const event of this.#queue) yield event;
      await this.ended;
    } finally {
      this.stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.ended.catch(() => undefined);
  }
}

/** A recording has events of its own. */
function refuseMixed(options: TraceOptions): void {
  const { recording, at } = options;
  const other = (["kernel", "command", "pid"] as const).find((name) => options[name] !== undefined);
  if (recording && other)
    throw new LibraryError("library/wrong-kind", `A recording has events of its own: leave ${other} out`);
  if (!recording && at !== undefined)
    throw new LibraryError("library/wrong-kind", "There are numbered events in recordings alone: give one");
}

async function openRecorded(
  recording: Recording,
  at: number | undefined,
  pace: () => Promise<void> | undefined,
  resources: DisposalStack,
): Promise<ReplayKernel> {
  const replay = await openReplay(readRecording(recording), { until: at, pace });
  resources.use(replay.kernel);
  resources.use(replay.processes);
  return replay;
}

async function run(session: TraceSession, close: () => void): Promise<number> {
  try {
    return (await session.run()).code;
  } finally {
    close();
  }
}

async function compileFor(
  script: string,
  { parameters = [], named = {}, pid, unsafe = false, name = "script" }: CompileOptions,
  kernel: Kernel,
  features: Features,
  child: boolean,
): Promise<CompiledScript> {
  // The compiler is loaded where one is needed.
  const { compileScript } = await import("../bpftrace/index.ts");
  const { kernelTarget, kernelWorld } = await import("../script/index.ts");
  const { object, plan, diagnostics } = compileScript({ name, text: script }, kernelWorld(kernel), {
    target: kernelTarget(kernel, features),
    positional: parameters,
    named,
    unsafe,
    config: {},
    child,
    ...(pid !== undefined && { pid }),
  });
  if (!object || !plan) throw new DiagnosticError(diagnostics);
  return { object, plan, warnings: diagnostics };
}
