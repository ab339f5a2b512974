import { closeSync, openSync } from "node:fs";
import { SyscallError } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { BpfLink } from "./link.ts";

export const attachCgroup: Attacher<"cgroup"> = ({ kernel }, program, hook) => {
  const cgroup = openTarget(
    `cgroup:${hook.path}`,
    hook.path,
    "Give a directory below /sys/fs/cgroup (cgroup2)",
  );
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      target_fd: cgroup,
      attach_type: program.spec.expectedAttachType ?? 0,
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== ERRNO.EBADF) throw cause;
    throw new AttachError(`cgroup:${hook.path}`, "it is no directory of a cgroup2 file system", {
      code: "unknown",
      hints: ["cgroup2 is usually at /sys/fs/cgroup, or at /sys/fs/cgroup/unified beside version 1"],
      cause,
    });
  } finally {
    closeSync(cgroup);
  }
};

/**
 * A descriptor of a file or folder that programs are attached to; the caller closes it.
 * @throws AttachError
 */
export function openTarget(target: string, path: string, hint: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new AttachError(target, cause instanceof Error ? cause.message : String(cause), {
      code: "unknown",
      hints: [hint],
      cause,
    });
  }
}
