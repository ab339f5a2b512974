import type { SourceText, Span } from "../diagnostic.ts";
import type { Comment } from "./ast.ts";

export type TokenKind =
  | "identifier"
  | "integer"
  | "string"
  /** `$name` */
  | "variable"
  /** `$1`, `$#` */
  | "positional"
  /** `@name`, `@` */
  | "map"
  | "punctuation"
  /** A character or an unfinished string that starts no token. */
  | "invalid"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Longest first: the first that fits is the token. */
const punctuation: readonly string[] = (
  "<<= >>= || && == != <= >= << >> -> ++ -- .. += -= *= /= %= &= |= ^= " +
  "+ - * / % & | ^ ~ ! < > = ? : ( ) { } [ ] , ; . #"
).split(" ");
const byFirstCharacter = new Map<string, string[]>();
for (const text of punctuation) {
  const list = byFirstCharacter.get(text[0]!);
  if (list) list.push(text);
  else byFirstCharacter.set(text[0]!, [text]);
}

const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /[0-9][A-Za-z0-9_]*/y;
const variable = /\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|#)/y;
const map = /@(?:[A-Za-z_][A-Za-z0-9_]*)?/y;
const layout = /(?:[ \t\r\n\f\v]+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;

/**
 * Tokens at any offset of a text. Where a token starts depends on the grammar (probe names and C code are
 * not made of the same tokens), so the parser asks for each by its offset.
 */
export class Lexer {
  readonly source: SourceText;
  readonly #text: string;

  constructor(source: SourceText) {
    this.source = source;
    this.#text = source.text;
  }

  /** Behind white space and comments. A comment that never ends is not skipped. */
  skipLayout(offset: number): number {
    return this.#match(layout, offset) ?? offset;
  }

  /** The token at or behind `offset`. */
  read(offset: number): Token {
    const start = this.skipLayout(offset);
    const first = this.#text[start];
    if (first === undefined) return this.#token("end", start, start);
    if (first === '"') return this.#string(start);
    const wordEnd = this.#match(word, start);
    if (wordEnd !== undefined) return this.#token("identifier", start, wordEnd);
    const numberEnd = this.#match(number, start);
    if (numberEnd !== undefined) return this.#token("integer", start, numberEnd);
    const variableEnd = this.#match(variable, start);
    if (variableEnd !== undefined) {
      const kind = /[0-9#]/.test(this.#text[start + 1]!) ? "positional" : "variable";
      return this.#token(kind, start, variableEnd);
    }
    const mapEnd = this.#match(map, start);
    if (mapEnd !== undefined) return this.#token("map", start, mapEnd);
    const found = byFirstCharacter.get(first)?.find((text) => this.#text.startsWith(text, start));
    const unfinishedComment = this.#text.startsWith("/*", start);
    if (found && !unfinishedComment) return this.#token("punctuation", start, start + found.length);
    return this.#token("invalid", start, unfinishedComment ? this.#text.length : start + 1);
  }

  #string(start: number): Token {
    for (let at = start + 1; at < this.#text.length; at++) {
      const character = this.#text[at];
      if (character === '"') return this.#token("string", start, at + 1);
      if (character === "\\") at++;
    }
    return this.#token("invalid", start, this.#text.length);
  }

  #token(kind: TokenKind, start: number, end: number): Token {
    return { kind, text: this.#text.slice(start, end), start, end };
  }

  #match(pattern: RegExp, offset: number): number | undefined {
    pattern.lastIndex = offset;
    return pattern.test(this.#text) ? pattern.lastIndex : undefined;
  }
}

/** Every comment of a text, outside strings; for the formatter. */
export function comments(source: SourceText): Comment[] {
  const found: Comment[] = [];
  for (const match of source.text.matchAll(/"(?:\\[^]|[^"\\])*"|\/\/[^\n]*|\/\*[^]*?\*\//g)) {
    const text = match[0];
    if (text.startsWith('"')) continue;
    const span: Span = { source, start: match.index, end: match.index + text.length };
    found.push({ kind: text.startsWith("//") ? "line" : "block", text, span });
  }
  return found;
}
