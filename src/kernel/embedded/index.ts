import { EmbeddedKernel } from "./embedded-kernel.ts";
import type { EmbeddedKernelOptions } from "./embedded-kernel.ts";

export { EmbeddedKernel } from "./embedded-kernel.ts";
export type { EmbeddedKernelOptions } from "./embedded-kernel.ts";
export { hookName } from "./events/index.ts";
export type { EventHost, EventSource, Hook, RaiseOptions, Task } from "./events/index.ts";
export { VirtualClock } from "./events/index.ts";
export type { FunctionCoverage, LineCoverage, ProgramCoverage } from "./programs/coverage.ts";
export type { Memory } from "./memory.ts";
export { ProcessSource } from "./processes/process-source.ts";
export { procFacts } from "./processes/process-facts.ts";
export type { ProcessFacts } from "./processes/process-facts.ts";
export { SYSCALL_TABLE } from "./processes/generated/syscalls.ts";
export { Tracepoints } from "./processes/tracepoints.ts";
export { CALL_ENTRY, CALL_EXIT, originOf } from "./recordings/derived-events.ts";
export { MemoryImage } from "./recordings/memory-image.ts";
export { KeptFacts } from "./recordings/kept-facts.ts";
export { openRecordingKernel } from "./recordings/open-recording.ts";
export type { RecordingKernel, RecordingKernelOptions } from "./recordings/open-recording.ts";
export { DEFAULT_EVENTS, PROCESS_EVENTS } from "./recordings/recording-source.ts";
export { openReplayKernel } from "./recordings/open-replay.ts";
export type { ReplayKernel, ReplayKernelOptions } from "./recordings/open-replay.ts";

/** The kernel in user space: no root, no Linux. */
export function openEmbeddedKernel(options: EmbeddedKernelOptions = {}): EmbeddedKernel {
  return new EmbeddedKernel(options);
}
