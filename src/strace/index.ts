export { CALLS, callFilters } from "./calls.ts";
export type { CallName } from "./calls.ts";
export { LineWriter } from "./line-writer.ts";
export type { LineOptions } from "./line-writer.ts";
export type { Detail } from "./process-view.ts";
export { StraceSession } from "./session.ts";
export type { Call, SessionEnd, StraceEvent } from "./session.ts";
