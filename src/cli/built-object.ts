import { BpfkitError } from "../errors.ts";
import { fromElf } from "../object/index.ts";
import type { Runnable } from "./script.ts";

/** An object that `build` wrote: no compiler is loaded for it. */
export function readObject(bytes: Uint8Array, name: string): Runnable {
  const { spec, plan } = fromElf(bytes);
  if (plan) return { object: spec, plan };
  throw new BpfkitError(`${name} has no trace plan`, {
    code: "cli/no-plan",
    hints: ["trace runs objects that `bpfkit build` made of a script"],
  });
}
