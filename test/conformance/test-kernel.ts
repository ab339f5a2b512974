import { openKernel } from "../../src/open-kernel.ts";
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
