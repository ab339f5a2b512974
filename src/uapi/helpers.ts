import { HELPER_PROTOTYPES } from "./generated/helpers.ts";
import type { HelperPrototype } from "./helper-prototype.ts";
import type { BpfHelperName } from "./types.ts";

/** A helper's prototypes: the common one first, then those that some program types get instead. */
export function helperPrototypes(name: BpfHelperName): readonly HelperPrototype[] {
  return HELPER_PROTOTYPES[name] ?? [];
}
