import { BpfkitError } from "../errors.ts";

export type ObjectErrorCode =
  | "object/relocation"
  | "object/unsupported"
  | "object/link"
  | "object/bad-elf"
  | "object/bad-plan"
  | "object/tracepoint-format";

/** An object file or spec that does not hold together, or does not fit the kernel it is loaded into. */
export class ObjectError extends BpfkitError {
  override readonly name = "ObjectError";
  declare readonly code: ObjectErrorCode;

  constructor(code: ObjectErrorCode, message: string, hints: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? { code, hints } : { code, hints, cause });
  }
}
