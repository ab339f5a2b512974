import { BpfkitError } from "../errors.ts";

/** What a program attaches to, and the kernel must know when it is loaded, is not there. */
export class TargetError extends BpfkitError {
  override readonly name = "TargetError";
  /** ProgramSpec.name */
  readonly program: string;

  constructor(program: string, message: string, hints: readonly string[]) {
    super(message, { code: "loader/no-target", hints });
    this.program = program;
  }
}
