import { BpfkitError } from "../../src/errors.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import type { EventSource } from "../../src/kernel/embedded/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";

/** The suites run once on each kernel, as projects of vitest.config.ts. */
export const onEmbedded: boolean = process.env["BPFKIT_KERNEL"] === "embedded";

/** The kernel to test, or undefined, with the reason printed, where bpf(2) is not to be had. */
export async function openTestKernel(): Promise<Kernel | undefined> {
  return onEmbedded ? openEmbedded(2) : openLinux();
}

/** Both kernels, with as many CPUs, to be compared; undefined where there is only one, or on another's turn. */
export async function openBothKernels(): Promise<
  { readonly linux: Kernel; readonly embedded: Kernel } | undefined
> {
  const linux = onEmbedded ? undefined : await openLinux();
  return linux && { linux, embedded: openEmbedded(linux.files.possibleCpus().length) };
}

/** The kernel for whoever closes it at the end, which the test does not want; `answers` in place of its own. */
export function lasting(kernel: Kernel, answers: Partial<Kernel> = {}): Kernel {
  const own: Partial<Kernel> = { ...answers, [Symbol.dispose]: () => undefined };
  return new Proxy(kernel, {
    get: (target, name) => {
      const value: unknown = Object.hasOwn(own, name) ? Reflect.get(own, name) : Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

async function openLinux(): Promise<Kernel | undefined> {
  try {
    const kernel = await openKernel({ kernel: "linux" });
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

function openEmbedded(cpus: number): Kernel {
  return openEmbeddedKernel({ cpus, source: SILENT });
}
