import type { SourceText, Span } from "../diagnostic.ts";
import type { Findings } from "./findings.ts";
import { Lexer, type Token } from "./lexer.ts";

/** Thrown where a construct cannot be read on; caught where the parser can find its feet again. */
export class SyntaxFailure extends Error {}

/** Constructs inside one another; deeper input is refused so that no stage overflows its stack. */
const maxDepth = 200;

/** A place in the text, with one token of lookahead and the parser's findings. */
export class Cursor {
  readonly source: SourceText;
  readonly findings: Findings;
  readonly lexer: Lexer;
  #token: Token;
  #previousEnd = 0;
  #depth = 0;

  constructor(source: SourceText, findings: Findings) {
    this.source = source;
    this.findings = findings;
    this.lexer = new Lexer(source);
    this.#token = this.lexer.read(0);
  }

  get token(): Token {
    return this.#token;
  }
  /** End of the token that was read last. */
  get previousEnd(): number {
    return this.#previousEnd;
  }

  advance(): Token {
    const token = this.#token;
    this.#previousEnd = token.end;
    this.#token = this.lexer.read(token.end);
    return token;
  }
  /** Goes on at `offset`, back or forth. */
  moveTo(offset: number): void {
    this.#previousEnd = offset;
    this.#token = this.lexer.read(offset);
  }
  /** The `count`-th token behind the current one. */
  peek(count = 1): Token {
    let token = this.#token;
    for (let index = 0; index < count; index++) token = this.lexer.read(token.end);
    return token;
  }

  at(text: string): boolean {
    return this.#token.text === text && this.#token.kind !== "string" && this.#token.kind !== "invalid";
  }
  accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.advance();
    return true;
  }
  expect(text: string, where: string): Token {
    if (!this.at(text)) this.fail(`Expected '${text}' ${where}, found ${describe(this.#token)}`);
    return this.advance();
  }
  expectIdentifier(what: string): Token {
    if (this.#token.kind !== "identifier") this.fail(`Expected ${what}, found ${describe(this.#token)}`);
    return this.advance();
  }

  span(start: number, end: number = this.#previousEnd): Span {
    return { source: this.source, start, end: Math.max(start, end) };
  }
  tokenSpan(token: Token): Span {
    return this.span(token.start, token.end);
  }

  fail(message: string, span: Span = this.tokenSpan(this.#token), ...hints: readonly string[]): never {
    const { kind, text } = this.#token;
    const here = this.tokenSpan(this.#token);
    if (kind === "invalid" && text.startsWith('"'))
      this.findings.error("syntax", "String without a closing quote", here);
    else if (kind === "invalid" && text.startsWith("/*"))
      this.findings.error("syntax", "Comment without an end", here);
    // Something before swallowed what is missing here.
    else if (kind !== "end" || !this.findings.failed) this.findings.error("syntax", message, span, ...hints);
    throw new SyntaxFailure(message);
  }

  /** Runs `read` one level deeper. */
  nested<T>(read: () => T): T {
    if (this.#depth >= maxDepth) this.fail(`Nested too deeply: more than ${maxDepth} levels`);
    this.#depth++;
    try {
      return read();
    } finally {
      this.#depth--;
    }
  }
  /** A chain of `length` operators is a tree that deep. */
  checkChain(length: number): void {
    if (length > maxDepth) this.fail(`Nested too deeply: more than ${maxDepth} operators in one expression`);
  }
}

export function describe(token: Token): string {
  if (token.kind === "end") return "the end of the script";
  return `'${token.text.length > 40 ? `${token.text.slice(0, 40)}...` : token.text}'`;
}
