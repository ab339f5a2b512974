import type { Guest } from "./guest.ts";

/** One thing that must hold on every kernel, seen from outside: commands, output, exit codes. */
export interface Scenario {
  readonly name: string;
  /** Why it cannot hold on the guest's kernel, if it cannot. */
  readonly skip?: (guest: Guest) => string | undefined;
  readonly run: (guest: Guest) => Promise<void>;
}
