import type { Kernel } from "../kernel/index.ts";

/** Where distributions say which stable release theirs is made of: what uname tells is then their own numbering. */
const SOURCES: readonly (readonly [file: string, pattern: RegExp])[] = [
  // Ubuntu: `Ubuntu 5.15.0-58.64-generic 5.15.74`.
  ["/proc/version_signature", /^Ubuntu \S+ (\d+)\.(\d+)\.(\d+)/],
  // Debian until 12: `#1 SMP Debian 5.10.223-1 (2024-08-10)`, where the release is `5.10.0-32-amd64`.
  ["/proc/sys/kernel/version", /\bDebian (\d+)\.(\d+)\.(\d+)/],
];

/** KERNEL_VERSION(): LINUX_KERNEL_VERSION of programs, and what kernels before 5.0 compare for kprobes. */
export function kernelVersionCode({ files, release }: Kernel): number {
  for (const [file, pattern] of SOURCES) {
    const match = pattern.exec(Buffer.from(files.read(file) ?? []).toString("latin1"));
    if (match) return code(Number(match[1]), Number(match[2]), Number(match[3]));
  }
  return code(release.major, release.minor, release.patch);
}

function code(major: number, minor: number, patch: number): number {
  return (major << 16) | (minor << 8) | Math.min(patch, 255);
}
