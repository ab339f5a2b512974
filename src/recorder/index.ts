export { KernelRecorder } from "./recorder.ts";
export type { RecorderSettings } from "./recorder.ts";
