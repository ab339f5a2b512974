import type { Value } from "../../ir/index.ts";
import type { Body } from "./body.ts";
import type { HelperName } from "./helpers.ts";
import { type Failure, GLOBALS } from "./unit.ts";

/** Counts something that a helper refused; the session reports it. */
export function countFailure(body: Body, failure: Failure): void {
  addGlobal(body, body.unit.failure(failure), 1);
}

/** Adds to a number that programs and session share, whichever CPU it is on. */
export function addGlobal({ b }: Body, offset: number, by: number): void {
  b.atomic("void", "add", 8, b.mapValue(GLOBALS, offset), b.i64(by));
}

/** Calls a helper that reads memory of elsewhere; failures are counted, each place of the script by itself. */
export function callReader(body: Body, reader: HelperName, ...args: readonly Value[]): Value {
  const { b, code, unit, span } = body;
  const result = code.helper(reader, ...args);
  if (!unit.countsFailedReads) return result;
  const failed = code.block("unreadable");
  const end = code.block("read");
  code.branch("slt", result, b.i64(0), failed, end, { likely: false });
  code.at(failed);
  const { source, start } = span;
  const at = source === unit.source ? { start, end: span.end } : undefined;
  countFailure(body, { kind: "read", what: reader, ...(at && { at }) });
  code.jump(end);
  code.at(end);
  return result;
}
