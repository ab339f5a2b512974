import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { errnoMessage } from "../uapi/index.ts";
import type { ToolOptions } from "./command.ts";
import { ToolError } from "./tool-error.ts";

/** include/uapi/linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11;

/** Pins an object; a directory that is no BPF file system becomes the mount point of one, unless -n. */
export function pinObject(kernel: Kernel, fd: Fd, path: string, options: ToolOptions): void {
  if (existsSync(path)) throw new ToolError(`can't pin BPF object: path '${path}' already exists`);
  prepareDirectory(kernel, dirname(path), options);
  try {
    kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname: path });
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`can't pin the object (${path}): ${errnoMessage(error.errno)}`, 255, error.hints);
  }
}

/** Makes a directory to pin several objects in. */
export function makePinDirectory(kernel: Kernel, path: string, options: ToolOptions): void {
  if (existsSync(path)) return prepareDirectory(kernel, path, options);
  prepareDirectory(kernel, dirname(path), options);
  mkdirSync(path);
}

function prepareDirectory(kernel: Kernel, directory: string, options: ToolOptions): void {
  if (!existsSync(directory)) throw new ToolError(`no directory ${directory} to pin objects in`);
  if (isBpffs(directory)) return;
  if (options.noMount)
    throw new ToolError("no BPF file system found, not mounting it due to --nomount option", 255, [
      `mount -t bpf bpf ${directory}`,
    ]);
  try {
    kernel.mount("bpf", directory);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`can't mount BPF file system on ${directory}: ${errnoMessage(error.errno)}`, 255, [
      "Objects are pinned below a BPF file system, as /sys/fs/bpf: mounting one takes CAP_SYS_ADMIN",
    ]);
  }
}

function isBpffs(directory: string): boolean {
  return statfsSync(directory).type === BPF_FS_MAGIC;
}
