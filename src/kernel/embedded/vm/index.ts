export type { Helper, Helpers } from "./helper.ts";
export { Machine } from "./machine.ts";
export type { Executable, ExecutionMode, MachineOptions } from "./machine.ts";
