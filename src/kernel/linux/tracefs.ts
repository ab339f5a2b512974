import { closeSync, existsSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import type { SyscallArgument } from "./native.ts";

interface MountCalls {
  /** Throws where the call fails. */
  readonly call: (name: "fsopen" | "fsconfig" | "fsmount", ...args: readonly SyscallArgument[]) => number;
  /** Address of a buffer that lives until the next call returns. */
  readonly pin: (buffer: Uint8Array) => bigint;
}

const MOUNTED = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"] as const;
const CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;

export interface Tracefs extends Disposable {
  readonly path: string;
}

/**
 * Finds tracefs: where it is mounted, else as a detached mount (fsopen, fsconfig, fsmount; Linux 5.2), which
 * is read through /proc/self/fd and shows up nowhere, so that containers without the mount are served too.
 * debugfs mounts it on first touch, hence last.
 */
export function openTracefs(calls: MountCalls): Tracefs {
  if (existsSync(`${MOUNTED[0]}/events`)) return mounted(MOUNTED[0]);
  try {
    return detached(calls);
  } catch (cause) {
    if (existsSync(`${MOUNTED[1]}/events`)) return mounted(MOUNTED[1]);
    throw new BpfkitError("Cannot read tracefs, which describes the kernel's tracepoints", {
      code: "kernel/no-tracefs",
      hints: [`Run as root: bpfkit then mounts it for itself (CAP_SYS_ADMIN), or reads it at ${MOUNTED[0]}`],
      cause,
    });
  }
}

function mounted(path: string): Tracefs {
  return { path, [Symbol.dispose]: () => undefined };
}

function detached({ call, pin }: MountCalls): Tracefs {
  const context = call("fsopen", pin(Buffer.from("tracefs\0")), CLOEXEC);
  try {
    call("fsconfig", context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    const fd = call("fsmount", context, CLOEXEC, 0);
    return { path: `/proc/self/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
  } finally {
    closeSync(context);
  }
}
