export { openLinuxKernel } from "./linux-kernel.ts";
export type { LinuxKernelOptions } from "./linux-kernel.ts";
export { openProcessTracer } from "./ptrace/tracer.ts";
