import { BpfkitError } from "../errors.ts";

/** A command line or a command that failed; `exitCode` as bpftool's. */
export class ToolError extends BpfkitError {
  override readonly name = "ToolError";
  readonly exitCode: number;

  constructor(message: string, exitCode = 255, hints: readonly string[] = []) {
    super(message, { code: "bpftool/failed", hints });
    this.exitCode = exitCode;
  }
}
