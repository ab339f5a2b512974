import { DiagnosticError, type Diagnostic, type Span } from "../diagnostic.ts";
import { VerifierError } from "../loader/index.ts";
import type { TracePlan } from "../object/index.ts";
import { ProbeError } from "../trace/index.ts";

/** What verdicts of the verifier mean and what helps, in words. */
const REASONS: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [
    /unbounded memory access|min value is (negative|outside)|max value is outside/,
    "An offset or length is not known to stay within its memory: compare it with a bound first",
  ],
  [
    /invalid mem access '(scalar|inv)'/,
    "A plain number is used as an address: read through a pointer of a known type",
  ],
  [/back-edge|infinite loop/, "A loop has no bound that the verifier can see"],
  [
    /too large|complexity|processed \d+ insn/i,
    "The program is too long or has too many branches for this kernel: make loops and unrolled parts shorter",
  ],
  [
    /unknown func|invalid func|helper .* is forbidden|program of this type cannot use helper/,
    "This kernel has no such helper for this kind of probe",
  ],
  [
    /stack (depth|limit)|combined stack size/,
    "Values need more than the 512 bytes of BPF stack: shorten strings (max_strlen) or keys",
  ],
  [/GPL/, 'The function is for GPL programs only: set license = "GPL" in the config block'],
];

/** Adds what only the plan knows: where in the script it happened. Everything else passes unchanged. */
export function explain(error: unknown, plan: TracePlan, verbose: boolean): unknown {
  if (error instanceof ProbeError) return explainProbe(error, plan);
  if (!(error instanceof VerifierError)) return error;
  const span = spanOf(error, plan);
  const meaning = REASONS.find(([pattern]) => pattern.test(error.log))?.[1];
  const diagnostic: Diagnostic = {
    code: error.code,
    severity: "error",
    message: `The kernel's verifier rejected this program: ${error.reason || error.message}`,
    ...(span && { span }),
    hints: [
      ...(meaning === undefined ? [] : [meaning]),
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
