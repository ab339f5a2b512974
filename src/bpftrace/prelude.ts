import type { PreludeItem } from "./ast.ts";
import type { Cursor } from "./cursor.ts";

interface Conditional {
  readonly start: number;
  /** This branch is read. */
  active: boolean;
  /** Some branch has been read. */
  taken: boolean;
  /** What surrounds it is read. */
  readonly outer: boolean;
}

const words: ReadonlySet<string> = new Set(["struct", "union", "enum", "typedef"]);

/**
 * The C part of a script: `#` lines and declarations. Conditionals are resolved here; what they leave
 * out is skipped and never seen by the grammar.
 */
export class Prelude {
  readonly #cursor: Cursor;
  readonly #defined: Set<string>;
  readonly #conditionals: Conditional[] = [];

  constructor(cursor: Cursor, defined: ReadonlySet<string>) {
    this.#cursor = cursor;
    this.#defined = new Set(defined);
  }

  /** At a `#`: reads the line, and the lines that it switches off. */
  directive(): PreludeItem[] {
    const item = this.#line();
    while (this.#conditionals.some((conditional) => !conditional.active)) {
      if (!this.#skipToDirective()) break;
      this.#line();
    }
    return item ? [item] : [];
  }

  finish(): void {
    for (const { start } of this.#conditionals)
      this.#cursor.findings.error(
        "unfinished-conditional",
        "#if without #endif",
        this.#cursor.span(start, start + 1),
      );
  }

  /** A C declaration at the cursor, when there is one. */
  definition(): PreludeItem | undefined {
    const cursor = this.#cursor;
    if (cursor.token.kind !== "identifier" || !words.has(cursor.token.text)) return undefined;
    const { start } = cursor.token;
    let depth = 0;
    for (;;) {
      const token = cursor.advance();
      if (token.kind === "end") break;
      if (token.text === "{" || token.text === "(") depth++;
      else if (token.text === "}" || token.text === ")") depth--;
      if (depth > 0) continue;
      if (token.text === ";") break;
      // `struct a { ... }` needs no semicolon here; attributes and declarators belong to it.
      const closed = token.text === "}" || token.text === ")";
      if (closed && !cursor.at(";") && !cursor.at("__attribute__") && !this.#typedefAt(start)) break;
    }
    cursor.accept(";");
    if (depth > 0) cursor.fail("C declaration without a closing '}'", cursor.span(start, start + 1));
    const span = cursor.span(start);
    return { kind: "c", text: cursor.source.text.slice(start, span.end), span };
  }

  #typedefAt(start: number): boolean {
    return this.#cursor.source.text.startsWith("typedef", start);
  }

  #line(): PreludeItem | undefined {
    const cursor = this.#cursor;
    const { start } = cursor.token;
    const { text } = cursor.source;
    let end = start;
    do end = endOfLine(text, end + 1);
    while (text[end - 1] === "\\");
    const line = text.slice(start, end).replaceAll("\\\n", " ");
    const span = cursor.span(start, end);
    cursor.moveTo(end);
    const match = /^#\s*(\w*)\s*([^]*?)\s*(?:\/\/[^]*)?$/.exec(line);
    const directive = match?.[1] ?? "";
    const rest = (match?.[2] ?? "").replaceAll(/\/\*[^]*?\*\//g, " ").trim();
    switch (directive) {
      case "ifdef":
      case "ifndef":
      case "if":
        return this.#open(directive, rest, start);
      case "elif":
      case "else":
        return this.#alternate(directive, rest, span);
      case "endif":
        if (!this.#conditionals.pop()) cursor.findings.error("stray-endif", "#endif without #if", span);
        return undefined;
      default:
        return this.#active ? this.#plain(directive, rest, span) : undefined;
    }
  }

  #plain(directive: string, rest: string, span: PreludeItem["span"]): PreludeItem | undefined {
    const cursor = this.#cursor;
    if (directive === "include") {
      const path = /^(?:<([^>]+)>|"([^"]+)")/.exec(rest);
      if (!path) return cursor.fail('Expected <FILE> or "FILE" after #include', span);
      return { kind: "include", path: path[1] ?? path[2]!, system: path[1] !== undefined, span };
    }
    if (directive === "define") {
      const define = /^([A-Za-z_]\w*)(\([^)]*\))?\s*([^]*)$/.exec(rest);
      if (!define) return cursor.fail("Expected a name after #define", span);
      this.#defined.add(define[1]!);
      return { kind: "define", name: define[1]!, value: `${define[2] ?? ""}${define[3]!}`, span };
    }
    if (directive === "undef") {
      this.#defined.delete(rest);
      return undefined;
    }
    if (directive === "pragma" || directive === "") return undefined;
    return cursor.fail(`Unknown directive '#${directive}'`, span);
  }

  get #active(): boolean {
    return this.#conditionals.every((conditional) => conditional.active);
  }

  #open(directive: string, rest: string, start: number): undefined {
    const outer = this.#active;
    const holds =
      directive === "if" ? this.#condition(rest) : this.#defined.has(rest) === (directive === "ifdef");
    this.#conditionals.push({ start, active: outer && holds, taken: holds, outer });
  }

  #alternate(directive: string, rest: string, span: PreludeItem["span"]): undefined {
    const last = this.#conditionals.at(-1);
    if (!last) return this.#cursor.fail(`#${directive} without #if`, span);
    const holds = !last.taken && (directive === "else" || this.#condition(rest));
    last.active = last.outer && holds;
    last.taken ||= holds;
    return undefined;
  }

  /** `defined(X)`, `!defined(X)`, numbers, joined by && or ||. */
  #condition(text: string): boolean {
    return text.split("||").some((terms) =>
      terms.split("&&").every((term) => {
        const match = /^\s*(!?)\s*(?:defined\s*\(?\s*(\w+)\s*\)?|(\w+))\s*$/.exec(term);
        if (!match) return false;
        const holds = match[2] === undefined ? /^0*[1-9]/.test(match[3]!) : this.#defined.has(match[2]);
        return holds !== (match[1] === "!");
      }),
    );
  }

  /** To the next line that begins with `#`. */
  #skipToDirective(): boolean {
    const cursor = this.#cursor;
    const pattern = /^[ \t]*#/gm;
    pattern.lastIndex = cursor.previousEnd;
    const match = pattern.exec(cursor.source.text);
    cursor.moveTo(match ? match.index : cursor.source.text.length);
    return match !== null;
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}
