import { closeSync, openSync } from "node:fs";
import type { Fd, Kernel } from "../kernel/index.ts";
import { asFd, SyscallError } from "../kernel/index.ts";

const BPF_FS = "/sys/fs/bpf";

/**
 * The right to load that a bpf file system lends to processes of a user namespace, where whoever mounted it delegates
 * that (kernel/bpf/token.c, Linux 6.9). Undefined: none is lent here. The caller closes it.
 */
export function borrowToken(kernel: Kernel, root: string = BPF_FS): Fd | undefined {
  let folder: number;
  try {
    folder = openSync(root, "r");
  } catch {
    // No such file system is mounted: nobody lends anything.
    return undefined;
  }
  try {
    return kernel.bpf("TOKEN_CREATE", { flags: 0, bpffs_fd: asFd(folder) });
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  } finally {
    closeSync(folder);
  }
}
