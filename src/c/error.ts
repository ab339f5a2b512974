import { BpfkitError } from "../errors.ts";

export type CErrorCode = "c/no-clang" | "c/old-clang" | "c/no-source" | "c/compile";

/** A C program that could not be compiled, or the compiler that is missing for it. */
export class CError extends BpfkitError {
  override readonly name = "CError";
  declare readonly code: CErrorCode;
  /** What clang wrote, unless it went to the terminal at once. */
  readonly output: string;

  constructor(code: CErrorCode, message: string, hints: readonly string[] = [], output = "") {
    super(message, { code, hints });
    this.output = output;
  }
}
