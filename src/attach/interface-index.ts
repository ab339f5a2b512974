import type { Kernel } from "../kernel/index.ts";
import { AttachError } from "./attach-error.ts";
import { nearestHint } from "./nearest.ts";

const INTERFACES = "/sys/class/net";

/** @throws AttachError if this network namespace has no such interface */
export function interfaceIndex({ files }: Kernel, name: string): number {
  const index = /^[\w.:@-]+$/.test(name) ? files.read(`${INTERFACES}/${name}/ifindex`) : undefined;
  if (index) return Number(Buffer.from(index).toString());
  throw new AttachError(`interface ${name}`, "this network namespace has no such interface", {
    code: "unknown",
    hints: nearestHint(name, files.directory(INTERFACES)),
  });
}
