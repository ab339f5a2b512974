export { Child, commandOf } from "./child.ts";
export { TraceSession } from "./session.ts";
export type { SessionOptions, SessionResult } from "./session.ts";
export { EventQueue } from "./event-queue.ts";
export type { TraceEvent } from "./event-queue.ts";
export { ProbeError } from "./probe-error.ts";
export { SystemResolver } from "./resolver.ts";
