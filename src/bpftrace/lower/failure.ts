import type { Body } from "./body.ts";
import { type Failure, GLOBALS } from "./unit.ts";

/** Counts something that a helper refused; the session reports it. */
export function countFailure(body: Body, failure: Failure): void {
  addGlobal(body, body.unit.failure(failure), 1);
}

/** Adds to a number that programs and session share, whichever CPU it is on. */
export function addGlobal({ b }: Body, offset: number, by: number): void {
  b.atomic("void", "add", 8, b.mapValue(GLOBALS, offset), b.i64(by));
}
