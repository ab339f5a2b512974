export { RECORDABLE_HINT } from "./hooks.ts";
export { KernelRecorder } from "./recorder.ts";
export type { RecorderSettings } from "./recorder.ts";
export { chooseTargets, DEFAULT_TARGETS } from "./targets.ts";
export type { ChosenTargets } from "./targets.ts";
