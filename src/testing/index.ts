/** Unit tests of eBPF programs: `bpfkit/testing`. */
export type { FunctionCoverage, LineCoverage, ProgramCoverage } from "../kernel/embedded/index.ts";
export { toLcov } from "./lcov.ts";
export { readPcap } from "./pcap.ts";
export type { Capture, CapturedPacket } from "./capture.ts";
export { testKernel } from "./open-test-kernel.ts";
export type { TestKernelOptions } from "./open-test-kernel.ts";
export { TestKernel } from "./test-kernel.ts";
export type { ReplayState, RunInput, RunResult } from "./test-kernel.ts";
export { TestScript } from "./test-script.ts";
export type { TestTask } from "./test-task.ts";
