import { writeSync } from "node:fs";
import { renderError } from "../report/index.ts";
import { errorStyle } from "./style.ts";

/** Says what went wrong on standard error; returns the exit code. */
export function reportFailure(error: unknown): number {
  writeSync(2, `${renderError(error, errorStyle)}\n`);
  return 1;
}
