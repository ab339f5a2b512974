import { BpfkitError } from "../errors.ts";
import type { PlanProbe } from "../object/index.ts";

/** A probe of the script that could not be loaded or hooked in; message and hints are those of its cause. */
export class ProbeError extends BpfkitError {
  override readonly name = "ProbeError";
  readonly probe: PlanProbe;

  constructor(probe: PlanProbe, cause: BpfkitError) {
    const { message, code, hints } = cause;
    super(message, { code, hints, cause });
    this.probe = probe;
  }
}
