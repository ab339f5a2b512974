import { BpfkitError } from "../errors.ts";

/**
 * A recording that cannot be read or written: `recording/not-one`, `recording/version`, `recording/corrupt`,
 * `recording/empty`, `recording/file`.
 */
export class RecordingError extends BpfkitError {
  override readonly name = "RecordingError";
}

export function corrupt(what: string): RecordingError {
  return new RecordingError(`The recording is damaged: ${what}`, { code: "recording/corrupt" });
}
