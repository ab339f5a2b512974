/** Unit tests of eBPF programs: `bpfkit/testing`. */
export type { FunctionCoverage, LineCoverage, ProgramCoverage } from "../kernel/embedded/index.ts";
export { toLcov } from "./lcov.ts";
export { readPcap } from "./pcap.ts";
export type { Capture, CapturedPacket } from "./capture.ts";
export { TestKernel, testKernel } from "./test-kernel.ts";
export type { RunInput, RunResult, TestKernelOptions } from "./test-kernel.ts";
export type { TestTask } from "./test-task.ts";
