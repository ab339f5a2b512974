export { FRAME_SIZE } from "./helper.ts";
export type { Helper, Helpers, InlineArray } from "./helper.ts";
export { SHADOW, layOutShadow } from "./shadow.ts";
export type { AccessChecks, ArgumentCheck, ArgumentSize, LineAt, Refusal, ShadowPlace } from "./shadow.ts";
export { HEAP_START, Machine, STACK_START, STACK_TOP } from "./machine.ts";
export type {
  Executable,
  ExecutionMode,
  LoadProgramOptions,
  MachineHeap,
  MachineOptions,
} from "./machine.ts";
