import type { RecordingReader } from "../../../recording/index.ts";
import { EmbeddedKernel, embeddedRelease } from "../embedded-kernel.ts";
import type { EmbeddedKernelOptions } from "../embedded-kernel.ts";
import { EventClock, randomFrom } from "./event-clock.ts";
import { ReplaySource, type ReplayOptions } from "./replay-source.ts";

export interface ReplayKernelOptions extends Omit<ReplayOptions, "reader" | "clock"> {
  /** What the embedded kernel does beside. */
  readonly embedded?: Pick<EmbeddedKernelOptions, "coverage" | "checked" | "print">;
}

export interface ReplayKernel {
  readonly kernel: EmbeddedKernel;
  readonly processes: ReplaySource;
}

/** The embedded kernel with the events of a recording. @throws RecordingError */
export function openReplayKernel(
  reader: RecordingReader,
  { embedded = {}, ...options }: ReplayKernelOptions = {},
): ReplayKernel {
  const { environment } = reader;
  const clock = new EventClock(environment.start, environment, () => processes.settle());
  const processes: ReplaySource = new ReplaySource({ reader, clock, ...options });
  const kernel: EmbeddedKernel = new EmbeddedKernel({
    ...embedded,
    name: "recording",
    source: processes,
    cpus: environment.cpus,
    release: embeddedRelease(environment.arch),
    clock: clock.read,
    schedule: clock.schedule,
    random: randomFrom(environment.seed),
  });
  return { kernel, processes };
}
