import type { RecordingReader } from "../../../recording/index.ts";
import { EmbeddedKernel, embeddedRelease } from "../embedded-kernel.ts";
import { EventClock, randomFrom } from "./event-clock.ts";
import { ReplaySource } from "./replay-source.ts";

export interface ReplayKernelOptions {
  /** Stop behind the event of this number, the first being 1. */
  readonly until?: number | undefined;
}

export interface ReplayKernel {
  readonly kernel: EmbeddedKernel;
  readonly processes: ReplaySource;
}

/** The embedded kernel with the events of a recording. @throws RecordingError */
export function openReplayKernel(reader: RecordingReader, options: ReplayKernelOptions = {}): ReplayKernel {
  const { environment } = reader;
  const clock = new EventClock(environment.start, environment, () => processes.settle());
  const processes: ReplaySource = new ReplaySource({ reader, clock, ...options });
  const kernel: EmbeddedKernel = new EmbeddedKernel({
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
