export { AttachError } from "./attach-error.ts";
export { attach } from "./attach.ts";
export type { HookTarget } from "./attach.ts";
export { linkAll } from "./context.ts";
export type { AttachContext, Link } from "./context.ts";
export { explainRefusal } from "./hooks.ts";
export { nearestNames } from "./nearest.ts";
export { runProgram } from "./run-program.ts";
