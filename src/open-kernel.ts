import type { Kernel, ProcessTracer, ProcessTracerOptions } from "./kernel/index.ts";

export interface KernelOptions {
  /** A file with the kernel's BTF, raw or inside an ELF file, in place of the running kernel's own. */
  readonly btf?: string;
}

/**
 * Opens the kernel that programs are loaded into; its room, and with it the FFI, is loaded only here.
 * @throws BpfkitError if the host has no kernel that bpfkit can call
 */
export async function openKernel(options: KernelOptions = {}): Promise<Kernel> {
  const { openLinuxKernel } = await import("./kernel/linux/index.ts");
  return openLinuxKernel(options);
}

/**
 * What follows processes by ptrace(2).
 * @throws BpfkitError where there is none
 */
export async function openProcessTracer(options: ProcessTracerOptions): Promise<ProcessTracer> {
  const linux = await import("./kernel/linux/index.ts");
  return linux.openProcessTracer(options);
}
