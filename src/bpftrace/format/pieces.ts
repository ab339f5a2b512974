import type { SourceText } from "../../diagnostic.ts";
import { Lexer } from "../lexer.ts";
import type { Landmarks } from "./landmarks.ts";

/** A part of the script that stays together. */
export interface Piece {
  readonly kind:
    | "word"
    /** Before its operand, behind it, or between two. */
    | "prefix"
    | "postfix"
    | "infix"
    /** A `*` in a type. */
    | "star"
    /** `:` before a type. */
    | "typeColon"
    /** `/` at the start or end of a predicate. */
    | "predicate"
    | "punctuation"
    /** A probe's name. */
    | "attachPoint"
    /** A whole line: `#include <...>`, what is between `#if` and `#endif`, C declarations. */
    | "line"
    | "lineComment"
    | "blockComment";
  readonly text: string;
  readonly start: number;
  /** Line breaks in the white space before it. */
  readonly breaks: number;
}

const INFIX: ReadonlySet<string> = new Set("= += -= *= /= %= &= |= ^= <<= >>= ? :".split(" "));
const PREFIX: ReadonlySet<string> = new Set("- + ! ~ * &".split(" "));
const WORDS: ReadonlySet<string> = new Set("identifier integer string variable positional map".split(" "));
const COMMENT = /\/\/[^\n]*|\/\*[^]*?\*\//y;

/** The script in its order; white space is what lies between. */
export function* piecesOf(source: SourceText, marks: Landmarks): Generator<Piece, void, void> {
  const { text } = source;
  const lexer = new Lexer(source);
  let previous: Piece | undefined;
  let at = 0;
  for (;;) {
    const space = /\s*/y;
    space.lastIndex = at;
    const white = space.exec(text)?.[0] ?? "";
    const start = at + white.length;
    if (start >= text.length) return;
    const { kind, end } = pieceAt(text, start, lexer, marks, previous);
    const piece: Piece = { kind, text: text.slice(start, end), start, breaks: white.split("\n").length - 1 };
    yield piece;
    if (kind !== "lineComment" && kind !== "blockComment") previous = piece;
    at = end;
  }
}

function pieceAt(
  text: string,
  start: number,
  lexer: Lexer,
  marks: Landmarks,
  previous: Piece | undefined,
): { readonly kind: Piece["kind"]; readonly end: number } {
  if (start === 0 && text.startsWith("#!")) return { kind: "line", end: lineEnd(text, start) };
  COMMENT.lastIndex = start;
  const comment = COMMENT.exec(text)?.[0];
  if (comment !== undefined)
    return { kind: comment.startsWith("//") ? "lineComment" : "blockComment", end: start + comment.length };
  if (text[start] === "#") return { kind: "line", end: directiveEnd(text, start) };
  const declared = marks.declarations.get(start);
  if (declared !== undefined) return { kind: "line", end: declared };
  const named = marks.attachPoints.get(start);
  if (named !== undefined) return { kind: "attachPoint", end: named };
  const token = lexer.read(start);
  const word = token.text;
  if (WORDS.has(token.kind)) return { kind: "word", end: token.end };
  const kindOf = (): Piece["kind"] => {
    if (word === "++" || word === "--") return endsOperand(previous) ? "postfix" : "prefix";
    if (marks.binaryOperators.has(start)) return "infix";
    if (marks.stars.has(start)) return "star";
    if (word === ":" && marks.types.has(lexer.skipLayout(token.end))) return "typeColon";
    if (INFIX.has(word)) return "infix";
    if (PREFIX.has(word)) return "prefix";
    return word === "/" ? "predicate" : "punctuation";
  };
  return { kind: kindOf(), end: token.end };
}

/** Whether a value may end here. */
export function endsOperand(piece: Piece | undefined): boolean {
  if (!piece) return false;
  return piece.kind === "word" || piece.kind === "postfix" || piece.text === ")" || piece.text === "]";
}

/** A directive's last line, or that of its #endif. */
function directiveEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; ;) {
    let end = lineEnd(text, at);
    while (text[end - 1] === "\\" && end < text.length) end = lineEnd(text, end + 1);
    const directive = /^[ \t]*#\s*(\w*)/.exec(text.slice(at, end))?.[1] ?? "";
    if (directive.startsWith("if")) depth++;
    if (directive === "endif") depth--;
    if (depth <= 0 || end >= text.length) return end;
    at = end + 1;
  }
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}
