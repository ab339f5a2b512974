import { BpfkitError } from "../errors.ts";
import type {
  EmbeddedKernel,
  ProgramCoverage,
  ReplayKernel,
  VirtualClock,
} from "../kernel/embedded/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { load, trace } from "../library/index.ts";
import type {
  BpfObject,
  CompiledScript,
  LoadOptions,
  ObjectInput,
  ObjectTypes,
  Program,
  TraceOptions,
  UnknownObject,
} from "../library/index.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import { toLcov } from "./lcov.ts";
import { TestScript } from "./test-script.ts";
import { taskOf } from "./test-task.ts";
import type { TestTask } from "./test-task.ts";

export interface RunInput {
  /** For programs that take one. */
  readonly packet?: Uint8Array;
  /** The program's context, as it lies in memory: struct pt_regs, a tracepoint's record, arguments, … */
  readonly context?: Uint8Array;
  /** Who runs (embedded kernel). */
  readonly task?: TestTask;
  /** On which CPU (embedded kernel). */
  readonly cpu?: number;
}

export interface RunResult {
  /** What the program returned, as an unsigned 32-bit number. */
  readonly result: number;
  /** The packet behind the program; empty where it takes none. */
  readonly packet: Uint8Array;
  /** The context behind the program. */
  readonly context: Uint8Array;
}

/** Where a recording stands. */
export interface ReplayState {
  /** Number of the event behind which it stands, the first being 1. */
  readonly event: number;
  /** All of it was raised. */
  readonly ended: boolean;
  /** Reads of memory that the recording does not hold: they failed. */
  readonly missing: number;
  /** Events that the recorder lost. */
  readonly lost: number;
}

/** What a test's kernel is made of. */
export interface TestKernelParts {
  readonly port: Kernel;
  /** Absent: the real one. */
  readonly embedded?: EmbeddedKernel;
  /** Absent: time is the machine's, or the recording's. */
  readonly clock?: VirtualClock;
  readonly replay?: ReplayKernel["processes"];
  /** The recording's file. */
  readonly input?: Disposable;
  readonly printed: readonly string[];
}

/** Programs on packets: they are run as PROG_TEST_RUN runs them. */
const PACKET_TYPES: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE.SOCKET_FILTER,
  BPF_PROG_TYPE.SCHED_CLS,
  BPF_PROG_TYPE.SCHED_ACT,
  BPF_PROG_TYPE.XDP,
  BPF_PROG_TYPE.CGROUP_SKB,
  BPF_PROG_TYPE.LWT_IN,
  BPF_PROG_TYPE.LWT_OUT,
  BPF_PROG_TYPE.LWT_XMIT,
  BPF_PROG_TYPE.LWT_SEG6LOCAL,
  BPF_PROG_TYPE.FLOW_DISSECTOR,
]);

/** A kernel, and what tests do with it. Objects that it loaded close with it. */
export class TestKernel implements Disposable {
  /** For calls of one's own: `load`, `trace` and the rest of the library take it. */
  readonly port: Kernel;
  /** What programs printed (bpf_printk), a text a call; of the embedded kernel. */
  readonly printed: readonly string[];
  readonly #parts: TestKernelParts;
  readonly #resources = new DisposalStack();
  readonly #scripts: TestScript[] = [];

  /** Made by {@link testKernel}. */
  constructor(parts: TestKernelParts) {
    this.#parts = parts;
    this.port = parts.port;
    this.printed = parts.printed;
    if (parts.input) this.#resources.use(parts.input);
    this.#resources.use(parts.port);
    if (parts.replay) this.#resources.use(parts.replay);
  }

  /** `embedded` or `linux`: what a test may ask before it uses what only one has. */
  get name(): "embedded" | "linux" {
    return this.#parts.embedded ? "embedded" : "linux";
  }

  /** Loads an object as the library's `load` does. */
  async load<T extends ObjectTypes = UnknownObject>(
    input: ObjectInput,
    options: Omit<LoadOptions, "kernel"> = {},
  ): Promise<BpfObject<T>> {
    return this.#resources.use(await load<T>(input, { ...options, kernel: this.port }));
  }

  /** Starts a script of the tracing language: once this resolves, its BEGIN ran and its probes are attached. */
  async trace(
    script: string | CompiledScript,
    options: Pick<TraceOptions, "parameters" | "named" | "unsafe" | "name"> = {},
  ): Promise<TestScript> {
    const run = await trace(script, { ...options, kernel: this.port });
    const started = new TestScript(run);
    this.#scripts.push(started);
    this.#resources.defer(() => run.stop());
    // What BEGIN printed.
    this.#parts.embedded?.settle();
    return started;
  }

  /** What scripts printed is taken while a recording goes by, so that nothing is lost. */
  collect(): void {
    for (const script of this.#scripts) void script.events;
  }

  /**
   * Runs a program once. On packets as PROG_TEST_RUN does; other programs on a context as it is, which on the real
   * kernel only raw tracepoints and syscall programs can be.
   * @throws BpfkitError `vm/checked` and `vm/fault` for a program that does what it must not; SyscallError for input that it does not take
   */
  run(program: Program, { packet, context, task, cpu }: RunInput = {}): RunResult {
    const { embedded } = this.#parts;
    if (!embedded || PACKET_TYPES.has(program.type)) {
      const input = { ...(packet && { data: packet }), ...(context && { context }) };
      const answer = program.testRun(input);
      return { result: answer.result, packet: answer.data, context: answer.context };
    }
    const memory = context ? context.slice() : new Uint8Array(CONTEXT_ROOM);
    const options = { ...(task && { task: taskOf(task) }), ...(cpu !== undefined && { cpu }) };
    const result = embedded.run(program.fd, memory, options);
    embedded.settle();
    return { result: Number(result & 0xffffffffn), packet: new Uint8Array(0), context: memory };
  }

  /**
   * Fires an event: all programs that are attached there run. Names are `tracepoint:sched:sched_switch`,
   * `rawtracepoint:sys_enter`, `uprobe:/bin/bash:4660` (offset in the file), `kprobe:name+0`. Gives how many ran.
   */
  raise(event: string, context: Uint8Array, task: TestTask = {}): number {
    const embedded = this.#own("raise events");
    const count = embedded.raise(event, context, { task: taskOf(task) });
    embedded.settle();
    return count;
  }

  /**
   * Raises what is recorded, from where it stopped the last time up to the event of this number, or to the end.
   * @throws BpfkitError `testing/no-recording` for a kernel without one
   */
  async replay(until?: number): Promise<ReplayState> {
    const { replay } = this.#parts;
    if (!replay)
      throw new BpfkitError("There is no recording to replay", {
        code: "testing/no-recording",
        hints: ["testKernel({ recording }) takes one of bpfkit record"],
      });
    await replay.advance(until);
    const { events: event, finished: ended, missing, lost } = replay;
    return { event, ended, missing, lost };
  }

  /** Lets the clocks go on; timers of programs fire on the way. Milliseconds. */
  advance(milliseconds: number): void {
    this.#own("change time");
    if (!this.#parts.clock)
      throw new BpfkitError("Time is the recording's", {
        code: "testing/recorded-time",
        hints: ["It goes on with kernel.replay()"],
      });
    this.#parts.clock.advance(BigInt(Math.round(milliseconds * 1e6)));
    this.#parts.embedded?.settle();
  }

  /** How often the parts of all programs ran. */
  coverage(): ProgramCoverage[] {
    return this.#own("count what runs").coverage();
  }

  /** The same as the text of an lcov tracefile. */
  lcov(): string {
    return toLcov(this.coverage());
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  #own(what: string): EmbeddedKernel {
    if (this.#parts.embedded) return this.#parts.embedded;
    throw new BpfkitError(`Tests cannot ${what} on the real kernel`, {
      code: "testing/embedded-only",
      hints: ["Ask kernel.name first, and skip what the real kernel cannot do"],
    });
  }
}

/** Bytes of zeroes that a program without a context may read. */
const CONTEXT_ROOM = 512;
