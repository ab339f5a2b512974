import type { Diagnostic, Severity, Span } from "../diagnostic.ts";
import { nearest } from "./nearest.ts";

/** Diagnostics as they are found; one list a run. */
export class Findings {
  readonly #list: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  get all(): readonly Diagnostic[] {
    return this.#list;
  }
  get failed(): boolean {
    return this.#list.some((diagnostic) => diagnostic.severity === "error");
  }
  error(code: string, message: string, span: Span, ...hints: readonly string[]): void {
    this.#add("error", code, message, span, hints);
  }
  warning(code: string, message: string, span: Span, ...hints: readonly string[]): void {
    this.#add("warning", code, message, span, hints);
  }

  /** The same finding at the same place (a macro, a body checked for several probes) is one. */
  #add(severity: Severity, code: string, message: string, span: Span, hints: readonly string[]): void {
    const key = `${code} ${span.source.name} ${span.start} ${span.end} ${message}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#list.push({
      code: `bpftrace/${code}`,
      severity,
      message,
      span,
      ...(hints.length > 0 && { hints }),
    });
  }
}

/** `Did you mean 'pid'?`, when a candidate is near enough. */
export function didYouMean(name: string, candidates: Iterable<string>): readonly string[] {
  const found = nearest(name, candidates);
  return found === undefined ? [] : [`Did you mean '${found}'?`];
}

/** From the start of one span to the end of another of the same text. */
export function join(from: Span, to: Span): Span {
  return { source: from.source, start: from.start, end: Math.max(from.end, to.end) };
}
