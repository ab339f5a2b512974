import { DiagnosticError } from "../diagnostic.ts";
import { BpfkitError } from "../errors.ts";
import { renderDiagnostic, renderHint } from "./diagnostic-text.ts";
import type { Style } from "./style.ts";

/**
 * Any error as the text that ends a command, without a final newline. An error that bpfkit did not throw
 * on purpose is a bug of bpfkit, and says so with its stack.
 */
export function renderError(error: unknown, style: Style): string {
  if (error instanceof DiagnosticError) {
    return error.diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, style)).join("\n");
  }
  const label = style("red", "ERROR:");
  if (error instanceof BpfkitError) {
    return [`${label} ${error.message}`, ...error.hints.map((hint) => renderHint(hint, style))].join("\n");
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [
    `${label} Unexpected failure, which is a bug of bpfkit`,
    detail,
    renderHint("Please report it with the command line and this text", style),
  ].join("\n");
}
