import { BpfkitError } from "../errors.ts";

/**
 * What a {@link CodecError} is about.
 */
export type CodecErrorCode =
  /** A type that no value can be read by: it contains itself, its members lie outside it, it is too large. */
  | "codec/bad-type"
  /** A value that the type cannot hold. */
  | "codec/bad-value"
  /** Fewer bytes than the type needs. */
  | "codec/too-short"
  /** The process forbids code made at run time. */
  | "codec/no-code-generation";

/**
 * A value that does not fit its C type, or a C type that makes no sense.
 *
 * @example
 * ```ts
 * import { CodecError, createMap } from "bpfkit";
 *
 * using ages = await createMap({ type: "hash", key: "u32", value: "u8", maxEntries: 4, name: "ages" });
 * try {
 *   ages.set(1, 300);
 * } catch (error) {
 *   if (error instanceof CodecError) console.log(error.code, "-", error.message);
 * }
 * // prints codec/bad-value - the value of map ages takes a whole number from 0 to 255, not 300
 * ```
 */
export class CodecError extends BpfkitError {
  override readonly name = "CodecError";
  declare readonly code: CodecErrorCode;

  constructor(code: CodecErrorCode, message: string, hints: readonly string[] = [], cause?: unknown) {
    super(message, { code, hints, cause });
  }
}
