import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Guest } from "./guest.ts";
import { CACHE, type KernelName } from "./kernels.ts";

/** Path of the kernel's own BTF, read from a running guest on first use. */
export async function kernelBtf(kernel: KernelName): Promise<string> {
  const path = join(CACHE, "btf", kernel);
  if (existsSync(path)) return path;
  mkdirSync(join(CACHE, "btf"), { recursive: true });
  await using guest = await Guest.boot(kernel);
  const partial = `${path}.${process.pid}.partial`;
  writeFileSync(partial, await guest.read("/sys/kernel/btf/vmlinux"));
  renameSync(partial, path);
  return path;
}
