import { hostname, release, version as systemVersion } from "node:os";
import type { RecordingWriter } from "../../../recording/index.ts";
import type { ProcessTracer } from "../../index.ts";
import { EmbeddedKernel } from "../embedded-kernel.ts";
import { ownTask } from "../events/index.ts";
import { procFacts } from "../processes/process-facts.ts";
import { ProcessSource } from "../processes/process-source.ts";
import { EventClock, randomFrom } from "./event-clock.ts";
import { KeptFacts } from "./kept-facts.ts";
import { DEFAULT_EVENTS, PROCESS_EVENTS, RecordingSource } from "./recording-source.ts";

export interface RecordingKernelOptions {
  readonly writer: RecordingWriter;
  /** Version of bpfkit. */
  readonly version: string;
  /** `all`: what later scripts may want; `processes`: forks, execs and ends, beside what programs are attached to. */
  readonly events: "all" | "processes";
  /** Most bytes of a buffer that a system call reads or writes. */
  readonly snap: number;
}

export interface RecordingKernel {
  readonly kernel: EmbeddedKernel;
  readonly processes: RecordingSource;
}

const monotonic = (): bigint => process.hrtime.bigint();

/** The embedded kernel with the events of processes under ptrace, which are recorded. */
export function openRecordingKernel(
  open: () => ProcessTracer,
  { writer, version, events, snap }: RecordingKernelOptions,
): RecordingKernel {
  const start = monotonic();
  const realtime = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)) - start;
  const clock = new EventClock(start, { realtime, boottime: 0n, tai: realtime }, () => void kernel.settle());
  const facts = new KeptFacts(procFacts);
  const { pid, uid, gid, comm, cgroupId } = ownTask(() => 0);
  const seed = Math.floor(Math.random() * 2 ** 32);
  const processes = new RecordingSource(new ProcessSource(process.arch, open, facts), {
    writer,
    clock,
    facts,
    events: events === "all" ? DEFAULT_EVENTS : PROCESS_EVENTS,
    snap,
    monotonic,
    environment: {
      kernel: "embedded",
      release: release(),
      arch: process.arch,
      cpus: 1,
      version,
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      seed,
      self: { pid, uid, gid, comm, cgroupId },
      node: hostname(),
      system: systemVersion(),
    },
  });
  const kernel: EmbeddedKernel = new EmbeddedKernel({
    source: processes,
    clock: clock.read,
    schedule: clock.schedule,
    random: randomFrom(seed),
  });
  return { kernel, processes };
}
