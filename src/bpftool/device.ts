import { BpfkitError } from "../errors.ts";
import type { Kernel } from "../kernel/index.ts";
import { linkByName } from "../netlink/index.ts";
import type { NetworkLink } from "../netlink/index.ts";
import { ToolError } from "./tool-error.ts";

/** The network interface of a name; where there is none, the complaint that the command has for it. */
export function deviceNamed(kernel: Kernel, name: string, complaint: string, exitCode?: number): NetworkLink {
  try {
    return linkByName(kernel, name);
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw new ToolError(complaint, exitCode, [error.message, ...error.hints]);
  }
}

/** Its index, for commands that load programs or make maps for it. */
export function deviceIndex(kernel: Kernel, name: string): number {
  return deviceNamed(kernel, name, `unrecognized netdevice '${name}': No such device`).index;
}
