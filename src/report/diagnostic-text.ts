import { locate, type Diagnostic, type Severity, type Span } from "../diagnostic.ts";
import type { Colour, Style } from "./style.ts";

const SEVERITIES: Readonly<Record<Severity, readonly [label: string, colour: Colour]>> = {
  error: ["ERROR", "red"],
  warning: ["WARNING", "yellow"],
  note: ["NOTE", "cyan"],
};

/** Longest part of a source line that is shown; minified one-line scripts get a window around the span. */
const LINE_WIDTH = 160;

/**
 * One diagnostic as text, without a final newline:
 *
 *     -e:1:9-12: ERROR: Unknown function: foo
 *     BEGIN { foo(); }
 *             ^~~
 *     HINT: Did you mean `for`?
 */
export function renderDiagnostic(diagnostic: Diagnostic, style: Style): string {
  const [, colour] = SEVERITIES[diagnostic.severity];
  const lines = [diagnosticHeadline(diagnostic, style)];
  if (diagnostic.span) lines.push(...excerpt(diagnostic.span, colour, style));
  for (const { message, span } of diagnostic.related ?? []) {
    lines.push(`${place(span)}${style("cyan", "NOTE:")} ${message}`, ...excerpt(span, "cyan", style));
  }
  for (const hint of diagnostic.hints ?? []) lines.push(renderHint(hint, style));
  return lines.join("\n");
}

/** Its place, severity and message alone. */
export function diagnosticHeadline({ severity, message, span }: Diagnostic, style: Style): string {
  const [label, colour] = SEVERITIES[severity];
  return `${place(span)}${style(colour, `${label}:`)} ${message}`;
}

export function renderHint(hint: string, style: Style): string {
  return `${style("cyan", "HINT:")} ${hint}`;
}

function place(span: Span | undefined): string {
  if (!span) return "";
  const start = locate(span.source, span.start);
  const end = locate(span.source, Math.max(span.end, span.start));
  const columns =
    end.line !== start.line
      ? `${start.line}-${end.line}`
      : `${start.line}:${start.column}${end.column > start.column ? `-${end.column}` : ""}`;
  return `${printable(span.source.name)}:${columns}: `;
}

/** The span's first line and its underline. */
function excerpt(span: Span, colour: Colour, style: Style): string[] {
  const { text } = span.source;
  const at = Math.min(span.start, text.length);
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  const newline = text.indexOf("\n", at);
  const lineEnd = newline < 0 ? text.length : newline;
  const from = lineEnd - lineStart > LINE_WIDTH ? Math.max(lineStart, at - LINE_WIDTH / 2) : lineStart;
  const to = Math.min(lineEnd, from + LINE_WIDTH);
  // A tab stays a tab under the line, so that the caret stands right at any tab width.
  const indent = text.slice(from, at).replace(/[^\t]/g, " ");
  const width = Math.max(1, Math.min(span.end, to) - at);
  const line = printable(text.slice(from, to)).trimEnd();
  // Nothing to point at: an empty script.
  if (line === "") return [];
  return [line, indent + style(colour, `^${"~".repeat(width - 1)}`)];
}

/** Control characters of a hostile script or file name must not drive the terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}
