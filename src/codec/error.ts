import { BpfkitError } from "../errors.ts";

export type CodecErrorCode =
  /** A type that no value can be read by: it contains itself, its members lie outside it, it is too large. */
  | "codec/bad-type"
  /** A value that the type cannot hold. */
  | "codec/bad-value"
  /** Fewer bytes than the type needs. */
  | "codec/too-short"
  /** The process forbids code made at run time. */
  | "codec/no-code-generation";

/** A value that does not fit its C type, or a C type that makes no sense. */
export class CodecError extends BpfkitError {
  override readonly name = "CodecError";
  declare readonly code: CodecErrorCode;

  constructor(code: CodecErrorCode, message: string, hints: readonly string[] = [], cause?: unknown) {
    super(message, { code, hints, cause });
  }
}
