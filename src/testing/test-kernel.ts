import { BpfkitError } from "../errors.ts";
import { openEmbeddedKernel, VirtualClock } from "../kernel/embedded/index.ts";
import type { EmbeddedKernel, EventSource, ProgramCoverage } from "../kernel/embedded/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { load } from "../library/index.ts";
import type {
  BpfObject,
  LoadOptions,
  ObjectInput,
  ObjectTypes,
  Program,
  UnknownObject,
} from "../library/index.ts";
import { openKernel } from "../open-kernel.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import { toLcov } from "./lcov.ts";
import { taskOf } from "./test-task.ts";
import type { TestTask } from "./test-task.ts";

export interface TestKernelOptions {
  /**
   * Which kernel the tests run on; where it is not given, what the environment variable BPFKIT_TEST_KERNEL says, else
   * `embedded`, which needs no rights and no Linux.
   */
  readonly kernel?: "embedded" | "linux";
  /** Possible CPUs of the embedded kernel; 1 where it is not given. */
  readonly cpus?: number;
  /** Counts what runs of every program (embedded kernel). */
  readonly coverage?: boolean;
  /**
   * Checks every access of programs (embedded kernel): what was deleted, never written, null or wild is an error with
   * its source line. On where it is not given.
   */
  readonly checked?: boolean;
  /** Raw BTF of the kernel that programs are for. */
  readonly btf?: Uint8Array;
  /** Nanoseconds that the embedded kernel's clocks begin with. */
  readonly time?: bigint;
}

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

/** Hooks of every name: a test fires them. */
const TEST_EVENTS: EventSource = {
  start: () => undefined,
  attach: () => ({ [Symbol.dispose]: () => undefined }),
  tracepoint: () => undefined,
};

/**
 * A kernel for unit tests of eBPF programs, under any test runner: in this process by default, and the real one with
 * one option.
 * @throws BpfkitError if the real kernel was asked for and cannot be had
 *
 * @example
 * ```ts
 * import { assembleObject } from "bpfkit";
 * import { testKernel } from "bpfkit/testing";
 *
 * using kernel = await testKernel();
 * const object = await kernel.load(assembleObject("xdp", "w0 = 2\nexit"));
 * console.log(kernel.run(object.program("program"), { packet: new Uint8Array(64) }).result);
 * // prints 2
 * ```
 */
export async function testKernel(options: TestKernelOptions = {}): Promise<TestKernel> {
  const name = options.kernel ?? process.env["BPFKIT_TEST_KERNEL"] ?? "embedded";
  if (name === "linux") return new TestKernel(await openKernel(), undefined, undefined, []);
  if (name !== "embedded")
    throw new BpfkitError(`There is no kernel ${name}`, {
      code: "testing/no-kernel",
      hints: ["BPFKIT_TEST_KERNEL is linux or embedded"],
    });
  const clock = new VirtualClock(options.time ?? 1_000_000_000n);
  const printed: string[] = [];
  const { cpus = 1, coverage = false, checked = true, btf } = options;
  const embedded = openEmbeddedKernel({
    cpus,
    coverage,
    checked,
    ...(btf && { btf }),
    source: TEST_EVENTS,
    clock: () => clock.now,
    schedule: (after, fire) => clock.schedule(after, fire),
    print: (text) => printed.push(text),
  });
  return new TestKernel(embedded, embedded, clock, printed);
}

/** A kernel, and what tests do with it. Objects that it loaded close with it. */
export class TestKernel implements Disposable {
  /** For calls of one's own: `load`, `trace` and the rest of the library take it. */
  readonly port: Kernel;
  /** What programs printed (bpf_printk), a text a call; of the embedded kernel. */
  readonly printed: readonly string[];
  readonly #embedded: EmbeddedKernel | undefined;
  readonly #clock: VirtualClock | undefined;
  readonly #resources = new DisposalStack();

  /** Made by {@link testKernel}. */
  constructor(
    port: Kernel,
    embedded: EmbeddedKernel | undefined,
    clock: VirtualClock | undefined,
    printed: readonly string[],
  ) {
    this.port = port;
    this.printed = printed;
    this.#embedded = embedded;
    this.#clock = clock;
    this.#resources.use(port);
  }

  /** `embedded` or `linux`: what a test may ask before it uses what only one has. */
  get name(): "embedded" | "linux" {
    return this.#embedded ? "embedded" : "linux";
  }

  /** Loads an object as the library's `load` does. */
  async load<T extends ObjectTypes = UnknownObject>(
    input: ObjectInput,
    options: Omit<LoadOptions, "kernel"> = {},
  ): Promise<BpfObject<T>> {
    return this.#resources.use(await load<T>(input, { ...options, kernel: this.port }));
  }

  /**
   * Runs a program once. On packets as PROG_TEST_RUN does; other programs on a context as it is, which on the real
   * kernel only raw tracepoints and syscall programs can be.
   * @throws BpfkitError `vm/checked` and `vm/fault` for a program that does what it must not; SyscallError for input that it does not take
   */
  run(program: Program, { packet, context, task, cpu }: RunInput = {}): RunResult {
    if (!this.#embedded || PACKET_TYPES.has(program.type)) {
      const input = { ...(packet && { data: packet }), ...(context && { context }) };
      const answer = program.testRun(input);
      return { result: answer.result, packet: answer.data, context: answer.context };
    }
    const memory = context ? context.slice() : new Uint8Array(CONTEXT_ROOM);
    const options = { ...(task && { task: taskOf(task) }), ...(cpu !== undefined && { cpu }) };
    const result = this.#embedded.run(program.fd, memory, options);
    return { result: Number(result & 0xffffffffn), packet: new Uint8Array(0), context: memory };
  }

  /**
   * Fires an event: all programs that are attached there run. Names are `tracepoint:sched:sched_switch`,
   * `rawtracepoint:sys_enter`, `uprobe:/bin/bash:4660` (offset in the file), `kprobe:name+0`. Gives how many ran.
   */
  raise(event: string, context: Uint8Array, task: TestTask = {}): number {
    return this.#own("raise events").raise(event, context, { task: taskOf(task) });
  }

  /** Lets the clocks go on; timers of programs fire on the way. Milliseconds. */
  advance(milliseconds: number): void {
    this.#own("change time");
    this.#clock?.advance(BigInt(Math.round(milliseconds * 1e6)));
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
    if (this.#embedded) return this.#embedded;
    throw new BpfkitError(`Tests cannot ${what} on the real kernel`, {
      code: "testing/embedded-only",
      hints: ["Ask kernel.name first, and skip what the real kernel cannot do"],
    });
  }
}

/** Bytes of zeroes that a program without a context may read. */
const CONTEXT_ROOM = 512;
