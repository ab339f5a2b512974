import type { Kernel } from "../kernel/index.ts";
import type { LoadedProgram } from "../loader/index.ts";

/** Runs a raw tracepoint program once, in this process and on this CPU (BEGIN and END); returns its result. */
export function runProgram(kernel: Kernel, program: LoadedProgram): number {
  return kernel.bpf("PROG_TEST_RUN", { prog_fd: program.fd }).retval;
}
