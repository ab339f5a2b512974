import { readFileSync } from "node:fs";
import type { Credentials, KernelRelease } from "../index.ts";

/** Read only when a call was refused. */
export function readCredentials(release: KernelRelease): Credentials {
  const status = readText("/proc/self/status");
  return {
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
    // The first namespace maps every id to itself.
    initialUserNamespace: /^\s*0\s+0\s+4294967295\s*$/.test(readText("/proc/self/uid_map")),
    hasBpfCapability: release.major > 5 || (release.major === 5 && release.minor >= 8),
    lockdown: /\[(\w+)\]/.exec(readText("/sys/kernel/security/lockdown"))?.[1] ?? "none",
  };
}

/** Empty where the file is not there or not ours to read: this serves hints only. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
