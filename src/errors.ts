/** What a {@link BpfkitError} carries beside its message. */
export interface BpfkitErrorDetails {
  /** Stable, machine-readable name of the failure, as `btf/truncated`. */
  readonly code: string;
  /** What the user can do about it, one sentence each. */
  readonly hints?: readonly string[];
  readonly cause?: unknown;
}

/**
 * The base of every error that bpfkit throws on purpose.
 *
 * Anything else that escapes is a bug of bpfkit. Rooms add subclasses only to carry data
 * (an errno, a verifier log); they never format for a terminal, which is `report`'s work.
 *
 * @example
 * ```ts
 * import { BpfkitError, load } from "bpfkit";
 *
 * try {
 *   await load("nowhere.bpf.o");
 * } catch (error) {
 *   if (error instanceof BpfkitError) console.log(error.code);
 * }
 * // prints library/no-file
 * ```
 */
export class BpfkitError extends Error {
  override readonly name: string = "BpfkitError";
  readonly code: string;
  readonly hints: readonly string[];

  constructor(message: string, details: BpfkitErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.hints = details.hints ?? [];
  }
}
