import { mkdtempSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileC } from "../c/index.ts";
import type { Kernel } from "../kernel/index.ts";

/**
 * A C program's object, with the running kernel's types; warnings go to standard error.
 * @throws CError with clang's messages, or how to get clang
 */
export function compileToMemory(file: string, args: readonly string[], kernel: Kernel): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-run-"));
  try {
    const object = join(folder, "program.bpf.o");
    const btf = kernel.files.hasBtf() ? kernel.files.btf() : undefined;
    const warnings = compileC(file, object, { btf, arch: kernel.release.arch, args });
    if (warnings !== "") writeSync(2, warnings);
    return readFileSync(object);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
