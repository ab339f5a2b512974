import { writeSync } from "node:fs";
import { renderError, styleFor } from "../report/index.ts";

/** Says what went wrong on standard error; returns the exit code. */
export function reportFailure(error: unknown): number {
  const style = styleFor({ isTTY: process.stderr.isTTY }, process.env);
  writeSync(2, `${renderError(error, style)}\n`);
  return 1;
}
