import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's folder of headers, `<bpf/bpf_helpers.h>` and its like, wherever this module was bundled to. */
function headerFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "include", "bpf", "bpf_helpers.h")) && folder !== dirname(folder))
    folder = dirname(folder);
  return join(folder, "include");
}

/** process.arch to the name in `__TARGET_ARCH_…` and the Debian triplet whose headers hold `asm/`. */
const ARCHITECTURES: Readonly<Record<string, readonly [macro: string, triplet: string]>> = {
  x64: ["x86", "x86_64-linux-gnu"],
  ia32: ["x86", "i386-linux-gnu"],
  arm64: ["arm64", "aarch64-linux-gnu"],
  arm: ["arm", "arm-linux-gnueabihf"],
  s390x: ["s390", "s390x-linux-gnu"],
  ppc64: ["powerpc", "powerpc64le-linux-gnu"],
  riscv64: ["riscv", "riscv64-linux-gnu"],
  loong64: ["loongarch", "loongarch64-linux-gnu"],
  mips64el: ["mips", "mips64el-linux-gnuabi64"],
};

export interface FlagOptions {
  /** As process.arch names it. */
  readonly arch: string;
  /** Folder of vmlinux.h. */
  readonly vmlinux?: string;
}

/**
 * What clang is given before the user's own arguments. Our headers are searched after folders that the user
 * names by -I, so that a project's own vmlinux.h wins, and before the system's.
 */
export function clangFlags({ arch, vmlinux }: FlagOptions): string[] {
  const [macro, triplet] = ARCHITECTURES[arch] ?? [];
  const multiarch = `/usr/include/${triplet}`;
  return [
    "-target",
    "bpf",
    "-g",
    "-O2",
    // Distributions turn it on, and BPF has no place for a guard.
    "-fno-stack-protector",
    ...(macro === undefined ? [] : [`-D__TARGET_ARCH_${macro}`]),
    "-isystem",
    headerFolder(),
    ...(vmlinux === undefined ? [] : ["-isystem", vmlinux]),
    // clang looks there only when it compiles for the machine itself.
    ...(triplet !== undefined && existsSync(multiarch) ? ["-idirafter", multiarch] : []),
  ];
}
