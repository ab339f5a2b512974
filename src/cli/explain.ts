import { DiagnosticError, type Diagnostic, type Span } from "../diagnostic.ts";
import { VerifierError, verifierMessage } from "../loader/index.ts";
import type { TracePlan } from "../object/index.ts";
import { ProbeError } from "../trace/index.ts";

/** Adds what only the plan knows: where in the script it happened. Everything else passes unchanged. */
export function explain(error: unknown, plan: TracePlan, verbose: boolean): unknown {
  if (error instanceof ProbeError) return explainProbe(error, plan);
  if (!(error instanceof VerifierError)) return error;
  const span = spanOf(error, plan);
  const known = verifierMessage(error.reason);
  const diagnostic: Diagnostic = {
    code: error.code,
    severity: "error",
    message: `The kernel's verifier rejected this program: ${error.reason || error.message}`,
    ...(span && { span }),
    hints: [
      ...(known ? [known.meaning, known.fix] : []),
      verbose
        ? `The verifier's log of ${error.program}:\n${error.log.trimEnd()}`
        : "The whole log is shown with -v",
    ],
  };
  return new DiagnosticError([diagnostic]);
}

function explainProbe(error: ProbeError, { source }: TracePlan): unknown {
  const { at } = error.probe;
  if (!at) return error;
  const { code, message, hints } = error;
  return new DiagnosticError([{ code, severity: "error", message, hints, span: { source, ...at } }]);
}

function spanOf({ line: place }: VerifierError, { source }: TracePlan): Span | undefined {
  if (!place) return undefined;
  let start = 0;
  for (let line = 1; line < place.line; line++) {
    const newline = source.text.indexOf("\n", start);
    if (newline < 0) return undefined;
    start = newline + 1;
  }
  const newline = source.text.indexOf("\n", start);
  const end = newline < 0 ? source.text.length : newline;
  return { source, start: Math.min(start + Math.max(0, place.column - 1), end), end };
}
