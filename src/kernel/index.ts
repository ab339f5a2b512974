export { bpfCommands } from "./attr.ts";
export type { AttrFieldKind, BpfAttr, BpfCommand, BpfCommandRow, BpfResult } from "./attr.ts";
export { asFd } from "./fd.ts";
export type { Fd } from "./fd.ts";
export type { HostFiles } from "./host-files.ts";
export type {
  ClockId,
  CommonAttr,
  InfoPointer,
  Kernel,
  KernelRelease,
  MappedRegion,
  Watch,
} from "./kernel.ts";
export type { PerfEventAttr, PerfTarget } from "./perf-event.ts";
export { SyscallError } from "./syscall-error.ts";
export { neededCapabilities, permissionHints } from "./permission.ts";
export type { Credentials } from "./permission.ts";
export type { FollowedProcess, ProcessEnd, ProcessHost } from "./process-host.ts";
export type {
  CallFilter,
  ForkKind,
  ProcessTracer,
  ProcessTracerOptions,
  Registers,
  ResumeOptions,
  StopRequest,
  LeftProcesses,
  TracedCommand,
  TraceStop,
} from "./process-tracer.ts";
