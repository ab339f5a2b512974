import { BpfkitError } from "../errors.ts";

/** A program that could not be hooked in. `code` is `attach/` and the reason. */
export class AttachError extends BpfkitError {
  override readonly name = "AttachError";
  /** As a probe is written: `tracepoint:sched:sched_switch`. */
  readonly target: string;

  constructor(
    target: string,
    reason: string,
    details: {
      readonly code: "unknown" | "unsupported" | "failed";
      readonly hints?: readonly string[];
      readonly cause?: unknown;
    },
  ) {
    super(`Cannot attach to ${target}: ${reason}`, {
      code: `attach/${details.code}`,
      hints: details.hints ?? [],
      cause: details.cause,
    });
    this.target = target;
  }
}
