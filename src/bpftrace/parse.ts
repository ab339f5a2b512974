import type { Diagnostic, SourceText } from "../diagnostic.ts";
import type {
  AttachPoint,
  Config,
  ConfigEntry,
  Expression,
  FunctionDefinition,
  Import,
  Item,
  Macro,
  MapDeclaration,
  PreludeItem,
  Probe,
  Program,
  TypeName,
} from "./ast.ts";
import { Cursor, describe } from "./cursor.ts";
import { recover } from "./expressions.ts";
import { didYouMean, Findings } from "./findings.ts";
import { comments } from "./lexer.ts";
import { readInteger, readString } from "./literals.ts";
import { Prelude } from "./prelude.ts";
import { findProbe, probeRows } from "./probes.ts";
import { importWord, StatementParser } from "./statements.ts";

export interface ParseOptions {
  /** Names that `#ifdef` finds defined. */
  readonly defined?: ReadonlySet<string>;
}

export interface ParseResult {
  readonly program: Program;
  readonly diagnostics: readonly Diagnostic[];
}

const defaultDefined: ReadonlySet<string> = new Set(["BPFTRACE_HAVE_BTF"]);

/** Reads a script. Goes on behind errors, so that one run reports several. */
export function parse(source: SourceText, options: ParseOptions = {}): ParseResult {
  const findings = new Findings();
  const program = new ProgramParser(source, findings, options.defined ?? defaultDefined).program();
  return { program, diagnostics: findings.all };
}

/** Reads a text that is one expression, as the value of a `#define` is; undefined when it is none. */
export function parseExpression(source: SourceText): Expression | undefined {
  const cursor = new Cursor(source, new Findings());
  const expression = recover(() => new StatementParser(cursor).expressions.expression());
  return cursor.token.kind === "end" ? expression : undefined;
}

class ProgramParser {
  readonly #cursor: Cursor;
  readonly #statements: StatementParser;
  readonly #prelude: Prelude;
  readonly #items: Item[] = [];
  readonly #imports: Import[] = [];
  readonly #definitions: PreludeItem[] = [];
  #config: Config | undefined;

  constructor(source: SourceText, findings: Findings, defined: ReadonlySet<string>) {
    this.#cursor = new Cursor(source, findings);
    this.#statements = new StatementParser(this.#cursor);
    this.#prelude = new Prelude(this.#cursor, defined);
  }

  program(): Program {
    const cursor = this.#cursor;
    const { source } = cursor;
    const shebang = /^#![^\n]*/.exec(source.text)?.[0];
    if (shebang !== undefined) cursor.moveTo(shebang.length);
    while (cursor.token.kind !== "end") {
      const before = cursor.token.start;
      if (recover(() => (this.#item(), true)) === undefined) this.#synchronise(before);
    }
    this.#prelude.finish();
    return {
      source,
      ...(shebang !== undefined && { shebang }),
      prelude: this.#definitions,
      imports: this.#imports,
      ...(this.#config && { config: this.#config }),
      items: this.#items,
      comments: comments(source),
      span: cursor.span(0, source.text.length),
    };
  }

  /** After an error between probes: behind the end of the next block. */
  #synchronise(before: number): void {
    const cursor = this.#cursor;
    if (cursor.token.start === before) cursor.advance();
    for (let depth = 0; cursor.token.kind !== "end"; cursor.advance()) {
      if (cursor.at("{")) depth++;
      else if (cursor.at("}") && --depth <= 0) {
        cursor.advance();
        return;
      }
    }
  }

  #item(): void {
    const cursor = this.#cursor;
    const { token } = cursor;
    if (cursor.at("#")) {
      this.#definitions.push(...this.#prelude.directive());
      return;
    }
    if (cursor.accept(";")) return;
    const definition = this.#prelude.definition();
    if (definition) {
      this.#definitions.push(definition);
      return;
    }
    const next = cursor.peek();
    if (token.text === "config" && next.text === "=") this.#readConfig();
    else if (token.text === importWord && next.kind === "string")
      this.#imports.push(this.#statements.import());
    else if (token.text === "macro" && next.kind === "identifier") this.#items.push(this.#macro());
    else if (token.text === "fn" && next.kind === "identifier") this.#items.push(this.#function());
    else if (token.text === "let") this.#items.push(this.#mapDeclaration());
    else this.#items.push(this.#probe());
  }

  #readConfig(): void {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    cursor.advance();
    cursor.expect("{", "to begin the config block");
    const entries: ConfigEntry[] = [];
    while (!cursor.at("}")) {
      if (cursor.accept(";")) continue;
      entries.push(this.#configEntry());
      if (!cursor.at("}")) cursor.expect(";", "after a setting");
    }
    cursor.expect("}", "to end the config block");
    const config: Config = { kind: "config", entries, span: cursor.span(start) };
    if (this.#config) cursor.findings.error("duplicate-config", "A script has one config block", config.span);
    else if (this.#items.length > 0)
      cursor.findings.error(
        "misplaced-config",
        "The config block must stand before probes, macros and maps",
        config.span,
      );
    this.#config ??= config;
  }

  #configEntry(): ConfigEntry {
    const cursor = this.#cursor;
    const key = cursor.expectIdentifier("a setting's name");
    const keySpan = cursor.tokenSpan(key);
    cursor.expect("=", "after a setting's name");
    const negative = cursor.accept("-");
    const token = cursor.advance();
    const span = cursor.span(key.start);
    const entry = { key: key.text, keySpan, span };
    if (token.kind === "integer") {
      const read = readInteger(token.text);
      if (typeof read === "string") return cursor.fail(read, cursor.tokenSpan(token));
      return { ...entry, value: negative ? -read.value : read.value };
    }
    if (token.kind === "string") return { ...entry, value: readString(token.text).value };
    if (token.kind !== "identifier" || negative)
      cursor.fail(`Expected a setting's value, found ${describe(token)}`, cursor.tokenSpan(token));
    const boolean = token.text === "true" || token.text === "false";
    return { ...entry, value: boolean ? token.text === "true" : token.text };
  }

  #macro(): Macro {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const name = cursor.advance().text;
    const parameters: Macro["parameters"][number][] = [];
    if (cursor.accept("(")) {
      while (!cursor.at(")")) {
        const token = cursor.advance();
        if (!["identifier", "variable", "map"].includes(token.kind))
          cursor.fail(`Expected a parameter, found ${describe(token)}`, cursor.tokenSpan(token));
        const type = cursor.accept(":") ? this.#statements.expressions.typeName() : undefined;
        parameters.push({ name: token.text, ...(type && { type }), span: cursor.tokenSpan(token) });
        if (!cursor.accept(",")) break;
      }
      cursor.expect(")", "to end a macro's parameters");
    }
    const span = cursor.span(start);
    return { kind: "macro", name, parameters, body: this.#statements.block(), span };
  }

  #function(): FunctionDefinition {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const name = cursor.advance().text;
    cursor.expect("(", "after a function's name");
    const parameters: { name: string; type: TypeName; span: ReturnType<Cursor["span"]> }[] = [];
    while (!cursor.at(")")) {
      const token = cursor.advance();
      if (token.kind !== "variable")
        cursor.fail(`Expected a variable, found ${describe(token)}`, cursor.tokenSpan(token));
      cursor.expect(":", "after a parameter");
      const type = this.#statements.expressions.typeName();
      parameters.push({ name: token.text, type, span: cursor.span(token.start) });
      if (!cursor.accept(",")) break;
    }
    cursor.expect(")", "to end a function's parameters");
    cursor.expect(":", "before a function's result type");
    const result = this.#statements.expressions.typeName();
    const span = cursor.span(start);
    return { kind: "function", name, parameters, result, body: this.#statements.block(), span };
  }

  #mapDeclaration(): MapDeclaration {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const { token } = cursor;
    if (token.kind !== "map")
      cursor.fail(
        "Outside a probe 'let' declares a map",
        cursor.tokenSpan(token),
        "For instance: let @name = hash(100);",
      );
    cursor.advance();
    cursor.expect("=", "after the map's name");
    const type = cursor.expectIdentifier("a kind of map").text;
    cursor.expect("(", "after the kind of map");
    const maxEntries = this.#statements.expressions.expression();
    cursor.expect(")", "after the most entries");
    const span = cursor.span(start);
    cursor.accept(";");
    return { kind: "mapDeclaration", name: token.text, type, maxEntries, span };
  }

  #probe(): Probe {
    const cursor = this.#cursor;
    const { start } = cursor.token;
    const attachPoints = [this.#attachPoint()];
    while (cursor.accept(",") && !cursor.at("{") && !cursor.at("/")) attachPoints.push(this.#attachPoint());
    const span = cursor.span(start, attachPoints.at(-1)!.span.end);
    let predicate: Expression | undefined;
    if (cursor.accept("/")) {
      predicate = this.#statements.expressions.expression();
      cursor.expect("/", "to end the predicate");
    }
    if (!cursor.at("{")) this.#missingBlock(attachPoints);
    const body = this.#statements.block();
    return { kind: "probe", attachPoints, ...(predicate && { predicate }), body, span };
  }

  #missingBlock(attachPoints: readonly AttachPoint[]): never {
    const cursor = this.#cursor;
    const first = attachPoints[0]!;
    const known = findProbe(first.parts[0] ?? "");
    if (known) return cursor.fail(`Expected '{' to begin the probe's block, found ${describe(cursor.token)}`);
    const names = probeRows.map((row) => row.kind);
    return cursor.fail(
      `Expected a probe, found '${first.text}'`,
      first.span,
      ...didYouMean(first.parts[0] ?? "", names),
    );
  }

  /** Probe names are raw text up to `{`, `,`, white space or the predicate. */
  #attachPoint(): AttachPoint {
    const cursor = this.#cursor;
    const { text } = cursor.source;
    const start = cursor.token.start;
    let end = start;
    while (end < text.length) {
      const character = text[end]!;
      if (character === '"') {
        const close = cursor.lexer.read(end);
        if (close.kind !== "string") {
          cursor.moveTo(end);
          cursor.fail("String without a closing quote");
        }
        end = close.end;
        continue;
      }
      if (/[\s{},;]/.test(character)) break;
      if (character === "/" && startsPredicate(text.slice(start, end))) break;
      end++;
    }
    if (end === start) cursor.fail(`Expected a probe, found ${describe(cursor.token)}`);
    const written = text.slice(start, end);
    const span = cursor.span(start, end);
    cursor.moveTo(end);
    return { text: written, parts: splitAttachPoint(written), span };
  }
}

/** Only some probes have paths; in the others a slash begins the predicate. */
function startsPredicate(before: string): boolean {
  const colon = before.indexOf(":");
  if (colon < 0) return true;
  const row = findProbe(before.slice(0, colon).replace(/^\w+=/, ""));
  return row !== undefined && !["uprobe", "uretprobe", "usdt", "iter"].includes(row.kind);
}

/** At colons outside quotes; quotes are taken off. */
function splitAttachPoint(text: string): string[] {
  const parts = [""];
  for (const piece of text.match(/"(?:\\[^]|[^"\\])*"|:|[^":]+/g) ?? []) {
    if (piece === ":") parts.push("");
    else parts.push(parts.pop()! + (piece.startsWith('"') ? readString(piece).value : piece));
  }
  return parts;
}
