import { BpfkitError } from "../errors.ts";
import { openEmbeddedKernel, VirtualClock } from "../kernel/embedded/index.ts";
import type { EventSource } from "../kernel/embedded/index.ts";
import { openKernel, openReplay } from "../open-kernel.ts";
import { openRecordingFile, RecordingReader, recordingBytes } from "../recording/index.ts";
import { TestKernel } from "./test-kernel.ts";

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
  readonly checked?: boolean | "strict";
  /** Raw BTF of the kernel that programs are for. */
  readonly btf?: Uint8Array;
  /** Nanoseconds that the embedded kernel's clocks begin with. */
  readonly time?: bigint;
  /**
   * A recording of `bpfkit record`, a file or its bytes: scripts and objects see its events, its memory and its time,
   * as far as {@link TestKernel.replay} is called for them (embedded kernel). CPUs are the recording's.
   */
  readonly recording?: string | Uint8Array;
}

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
  if (name !== "embedded" && name !== "linux")
    throw new BpfkitError(`There is no kernel ${name}`, {
      code: "testing/no-kernel",
      hints: ["BPFKIT_TEST_KERNEL is linux or embedded"],
    });
  const { recording } = options;
  // A recording is the same on whatever kernel the other tests run.
  if (recording !== undefined && options.kernel !== "linux") return recordedKernel(recording, options);
  if (recording !== undefined)
    throw new BpfkitError("The real kernel cannot replay a recording", {
      code: "testing/embedded-only",
      hints: ["Leave the option kernel out"],
    });
  return name === "linux"
    ? new TestKernel({ port: await openKernel(), printed: [] })
    : embeddedKernel(options);
}

function embeddedKernel({
  cpus = 1,
  coverage = false,
  checked = "strict",
  btf,
  time,
}: TestKernelOptions): TestKernel {
  const clock = new VirtualClock(time ?? 1_000_000_000n);
  const printed: string[] = [];
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
  return new TestKernel({ port: embedded, embedded, clock, printed });
}

async function recordedKernel(
  recording: string | Uint8Array,
  { coverage = false, checked = "strict" }: TestKernelOptions,
): Promise<TestKernel> {
  const { reader, input } =
    typeof recording === "string"
      ? openRecordingFile(recording)
      : { reader: RecordingReader.open(recordingBytes(recording)) };
  const printed: string[] = [];
  try {
    const { kernel: embedded, processes } = await openReplay(reader, {
      stepped: true,
      pace: () => opened.collect(),
      embedded: { coverage, checked, print: (text) => printed.push(text) },
    });
    const opened: TestKernel = new TestKernel({
      port: embedded,
      embedded,
      replay: processes,
      printed,
      ...(input && { input }),
    });
    return opened;
  } catch (error) {
    input?.[Symbol.dispose]();
    throw error;
  }
}
