import { readFileSync } from "node:fs";
import { DiagnosticError, type Span } from "../diagnostic.ts";
import { VerifierError, verifierMessage } from "../loader/index.ts";

/** A C program that the verifier rejected: the source line, what the verdict means, what helps. */
export function explainRejection(error: unknown, verbose: boolean): unknown {
  if (!(error instanceof VerifierError)) return error;
  const span = spanOf(error);
  const known = verifierMessage(error.reason);
  const { line } = error;
  return new DiagnosticError([
    {
      code: error.code,
      severity: "error",
      message: error.message,
      ...(span && { span }),
      hints: [
        ...(line && !span ? [`It is at ${line.file}:${line.line}: ${line.text.trim()}`] : []),
        ...(known ? [known.meaning, known.fix] : []),
        verbose
          ? `The verifier's log of ${error.program}:\n${error.log.trimEnd()}`
          : "The whole log is shown with -v",
      ],
    },
  ]);
}

/** The line in its file, as long as the file is there and still has it. */
function spanOf({ line: place }: VerifierError): Span | undefined {
  if (!place) return undefined;
  const text = readText(place.file);
  const lines = text?.split("\n") ?? [];
  if (text === undefined || lines[place.line - 1]?.trim() !== place.text.trim()) return undefined;
  const start = lines.slice(0, place.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  const end = start + lines[place.line - 1]!.length;
  return {
    source: { name: place.file, text },
    start: Math.min(start + Math.max(0, place.column - 1), end),
    end,
  };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // An object compiled elsewhere: its source is not here.
    return undefined;
  }
}
