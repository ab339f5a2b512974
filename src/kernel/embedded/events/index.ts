export { hookName } from "./hook.ts";
export type { Hook } from "./hook.ts";
export type { EventHost, EventSource, RaiseOptions } from "./source.ts";
export { ownTask } from "./task.ts";
export type { Task } from "./task.ts";
export { VirtualClock } from "./virtual-clock.ts";
