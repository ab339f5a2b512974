export { FRAME_SIZE } from "./helper.ts";
export type { AccessChecks, Helper, Helpers, InlineArray } from "./helper.ts";
export { HEAP_START, Machine } from "./machine.ts";
export type {
  Executable,
  ExecutionMode,
  LoadProgramOptions,
  MachineHeap,
  MachineOptions,
} from "./machine.ts";
