import type { Kernel, ProcessHost } from "../kernel/index.ts";
import { openRecordingTracer, openReplay } from "../open-kernel.ts";
import type { KernelRecorder } from "../recorder/index.ts";
import { DisposalStack } from "../util/index.ts";
import { openRecordingFile, RecordingOutput, RecordingWriter } from "../recording/index.ts";
import { usageError, type ParsedArguments } from "./arguments.ts";
import type { Invocation } from "./command.ts";
import { showTimesOf } from "./recording-time.ts";
import { openRunningKernel, whoIsLeft, type TraceKernel } from "./trace-kernel.ts";
import { version } from "./version.ts";

/** The embedded kernel, whose events go into a file. */
export interface Recorder extends Disposable {
  readonly kernel: Kernel;
  readonly processes: ProcessHost;
  readonly writer: RecordingWriter;
  /** Writes what is left, and the end; gives what is to be said of processes that go on. */
  finish(): readonly string[];
}

export async function openRecorder(
  path: string,
  { options }: ParsedArguments,
  events: "all" | "processes",
  invocation: Invocation,
): Promise<Recorder> {
  const resources = new DisposalStack();
  try {
    const file = resources.use(new RecordingOutput(path));
    const writer = new RecordingWriter(file);
    const { kernel, processes } = await openRecordingTracer({
      writer,
      version: version(),
      events,
      snap: snapSize(options.get("snap"), invocation),
    });
    resources.use(kernel);
    resources.use(processes);
    return {
      kernel,
      processes,
      writer,
      finish: () => whoIsLeft(processes.end()),
      [Symbol.dispose]: () => resources[Symbol.dispose](),
    };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

/** The same for a script that runs meanwhile, on whichever kernel. */
export async function recordedRun(
  path: string,
  parsed: ParsedArguments,
  btf: string | undefined,
  invocation: Invocation,
): Promise<TraceKernel> {
  const running = await openRunningKernel(parsed, btf);
  if (running) return recordBeside(running, path, parsed, invocation);
  const recorder = await openRecorder(path, parsed, "all", invocation);
  const { kernel, processes, writer } = recorder;
  return {
    kernel,
    processes,
    // The end is written before it is told how much there is.
    remarks: () => [...recorder.finish(), recordedRemark(writer, path)],
    [Symbol.dispose]: () => recorder[Symbol.dispose](),
  };
}

/** Programs of a recorder beside those of the script. */
async function recordBeside(
  kernel: Kernel,
  path: string,
  { options }: ParsedArguments,
  invocation: Invocation,
): Promise<TraceKernel> {
  const resources = new DisposalStack();
  resources.use(kernel);
  try {
    const recorders = await import("../recorder/index.ts");
    const snap = snapSize(options.get("snap"), invocation);
    const writer = new RecordingWriter(resources.use(new RecordingOutput(path)));
    const remarks: string[] = [];
    let recorder: KernelRecorder | undefined;
    return {
      kernel,
      attached(plan, pid) {
        const { targets, without } = recorders.chooseTargets(kernel, plan.probes, true);
        if (without.length > 0) remarks.push(`The recording has no events of ${without.join(", ")}`);
        const command = options.get("cmd");
        const settings = {
          kernel,
          writer,
          targets,
          pid,
          command,
          snap,
          ringSize: RING_SIZE,
          version: version(),
        };
        recorder = resources.use(new recorders.KernelRecorder(settings));
      },
      remarks() {
        recorder?.stop();
        const lost = recorder?.lost ?? 0n;
        if (lost > 0n) remarks.push(`${lost} events were lost, and are not in the recording`);
        return [...remarks, recordedRemark(writer, path)];
      },
      [Symbol.dispose]: () => resources[Symbol.dispose](),
    };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

function recordedRemark({ events, bytes }: RecordingWriter, path: string): string {
  return `Recorded ${events} events in ${bytes} bytes: ${path}`;
}

/** Bytes between the kernel and the file. */
const RING_SIZE = 16 * 1024 * 1024;

const SNAP = 512;
const MOST_SNAP = 1024 * 1024;

export function snapSize(text: string | undefined, invocation: Invocation): number {
  if (text === undefined) return SNAP;
  const size = Number(text);
  if (/^\d+$/.test(text) && size <= MOST_SNAP) return size;
  throw usageError(`Option --snap takes 0 to ${MOST_SNAP} bytes, not ${text}`, invocation);
}

/** A recording, as a kernel. */
export async function recordedKernel(
  path: string,
  { options }: ParsedArguments,
  invocation: Invocation,
): Promise<TraceKernel> {
  for (const other of ["cmd", "pid", "kernel", "record", "btf"])
    if (options.has(other))
      throw usageError(`Option --replay has events and types of its own: leave --${other} out`, invocation);
  const until = eventNumber(options.get("at"), invocation);
  const { input, reader } = openRecordingFile(path);
  const resources = new DisposalStack();
  resources.use(input);
  try {
    showTimesOf(reader.environment);
    const { kernel, processes } = await openReplay(reader, { until });
    resources.use(kernel);
    resources.use(processes);
    return {
      kernel,
      processes,
      replayed: true,
      progress: () =>
        `${processes.events} events, ${Math.floor((reader.position / Math.max(1, reader.size)) * 100)}%`,
      remarks: () => {
        const { damage } = reader;
        const { missing, lost } = processes;
        return [
          ...(damage ? [`The recording is not whole: ${damage.reason} (byte ${damage.offset})`] : []),
          ...(processes.finished && until !== undefined && processes.events < until
            ? [`The recording ends with event ${processes.events}: there is none of number ${until}`]
            : []),
          ...(lost > 0 ? [`The recorder lost ${lost} events`] : []),
          ...(missing > 0 ? [`${missing} reads of memory that the recording does not hold failed`] : []),
        ];
      },
      [Symbol.dispose]: () => resources[Symbol.dispose](),
    };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

function eventNumber(text: string | undefined, invocation: Invocation): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw usageError(`Option --at takes the number of an event, the first being 1, not ${text}`, invocation);
}
