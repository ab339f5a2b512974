import { BpfkitError } from "./errors.ts";

/** A text that diagnostics point into: a script, a C file, the value of `-e`. */
export interface SourceText {
  /** As the user knows it: a path, `-e`, `stdin`. */
  readonly name: string;
  readonly text: string;
}

/** A half-open range of UTF-16 offsets into a source text. */
export interface Span {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
}

export type Severity = "error" | "warning" | "note";

/**
 * One finding about the user's input, as data. Stages collect diagnostics and go on where they can;
 * only `report` turns them into text with a caret.
 */
export interface Diagnostic {
  /** Stable name, `room/what`: `bpftrace/unknown-field`. */
  readonly code: string;
  readonly severity: Severity;
  /** What is wrong and why; starts upper case, no final period. */
  readonly message: string;
  readonly span?: Span;
  /** What to do about it, one sentence each. */
  readonly hints?: readonly string[];
  /** Other places that explain this one, such as the first definition of a name. */
  readonly related?: readonly { readonly message: string; readonly span: Span }[];
}

/**
 * Thrown where a stage cannot go on: carries every diagnostic that was collected until then.
 *
 * @example
 * ```ts
 * import { compile, DiagnosticError } from "bpfkit";
 *
 * try {
 *   await compile("BEGIN { $x = nope(); }");
 * } catch (error) {
 *   if (error instanceof DiagnosticError)
 *     for (const { severity, span } of error.diagnostics) console.log(severity, span?.source.text.slice(span.start, span.start + 4));
 * }
 * // prints error nope
 * ```
 */
export class DiagnosticError extends BpfkitError {
  override readonly name = "DiagnosticError";
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    const first = diagnostics.find((diagnostic) => diagnostic.severity === "error") ?? diagnostics[0];
    super(first?.message ?? "Invalid input", {
      code: first?.code ?? "diagnostic",
      ...(first?.hints && { hints: first.hints }),
    });
    this.diagnostics = diagnostics;
  }
}

/** Line and column of an offset, both from 1; columns count UTF-16 units. */
export interface Location {
  readonly line: number;
  readonly column: number;
}

/** Where a text's lines begin: for whoever locates many offsets. */
export class Lines {
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#starts = starts;
  }

  locate(offset: number): Location {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return { line: low, column: offset - starts[low - 1]! + 1 };
  }
}

export function locate(source: SourceText, offset: number): Location {
  return new Lines(source.text).locate(offset);
}
