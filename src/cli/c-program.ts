import { writeSync } from "node:fs";
import { compileToMemory } from "../c/index.ts";
import type { Kernel } from "../kernel/index.ts";

/**
 * A C program's object, with the running kernel's types; warnings go to standard error.
 * @throws CError with clang's messages, or how to get clang
 */
export function compileForKernel(file: string, args: readonly string[], kernel: Kernel): Uint8Array {
  const btf = kernel.files.hasBtf() ? kernel.files.btf() : undefined;
  const { object, warnings } = compileToMemory(file, { btf, arch: kernel.release.arch, args });
  if (warnings !== "") writeSync(2, warnings);
  return object;
}
