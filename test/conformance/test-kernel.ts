import { openKernel } from "../../src/open-kernel.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import type { EventSource } from "../../src/kernel/embedded/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { BpfkitError } from "../../src/errors.ts";

/** The kernel to test, or undefined, with the reason printed, where bpf(2) is not to be had. */
export async function openTestKernel(): Promise<Kernel | undefined> {
  try {
    const kernel = await openKernel();
    kernel.close(kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 }));
    return kernel;
  } catch (error) {
    if (!(error instanceof SyscallError) && !(error instanceof BpfkitError)) throw error;
    console.log(`Skipped: no bpf(2) here: ${error.message}`);
    return undefined;
  }
}

/** Hooks of every name, which nothing ever fires. */
const SILENT: EventSource = {
  start: () => undefined,
  attach: () => ({ [Symbol.dispose]: () => undefined }),
  tracepoint: () => undefined,
};

export interface TestedKernel {
  readonly name: "linux" | "embedded";
  readonly kernel: Kernel;
}

/** Every kernel that is to be had here: the embedded one always, with as many CPUs as the other. */
export async function openTestKernels(): Promise<TestedKernel[]> {
  const linux = await openTestKernel();
  const cpus = linux?.files.possibleCpus().length ?? 2;
  const embedded = openEmbeddedKernel({ cpus, source: SILENT });
  return [
    ...(linux ? [{ name: "linux", kernel: linux } as const] : []),
    { name: "embedded", kernel: embedded },
  ];
}
