import type { Kernel } from "../kernel/index.ts";
import { openKernel } from "../open-kernel.ts";
import { DisposalStack } from "../util/index.ts";

/** How a C program is compiled. */
export interface CcOptions {
  /** Whose types vmlinux.h has; absent: the running kernel, opened for this alone. */
  readonly kernel?: Kernel;
  /** clang's own arguments, as `-Iinclude`, `-DDEBUG`, `-mcpu=v3`. */
  readonly args?: readonly string[];
}

/** What clang made of a C program. */
export interface CcResult {
  /** The ELF file, for `load`. */
  readonly object: Uint8Array;
  /** clang's warnings, as it prints them; empty where there are none. */
  readonly warnings: string;
}

/**
 * Compiles a C program by clang, with headers of bpfkit's own and vmlinux.h made of the kernel's types, as
 * `bpfkit cc` does: `load((await cc("probe.bpf.c")).object)`.
 * @throws CError with clang's messages, or how to get clang
 */
export async function cc(source: string, { kernel: given, args = [] }: CcOptions = {}): Promise<CcResult> {
  using resources = new DisposalStack();
  const kernel = given ?? resources.use(await openKernel());
  const { compileToMemory } = await import("../c/index.ts");
  const btf = kernel.files.hasBtf() ? kernel.files.btf() : undefined;
  return compileToMemory(source, { btf, arch: kernel.release.arch, args });
}
