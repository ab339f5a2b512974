import type { Guest } from "./guest.ts";

/** One thing that must hold on every kernel, seen from outside: commands, output, exit codes. */
export interface Scenario {
  readonly name: string;
  /** Why it cannot hold on the guest's kernel, if it cannot. */
  readonly skip?: (guest: Guest) => string | undefined;
  readonly run: (guest: Guest) => Promise<void>;
}

/** Whether the guest's kernel has what came with `since`. */
export function isSince(guest: Guest, since: string | undefined): boolean {
  const [major = 0, minor = 0] = guest.kernel.split(".").map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = (since ?? "0.0").split(".").map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}
