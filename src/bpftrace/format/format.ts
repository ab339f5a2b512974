import type { SourceText } from "../../diagnostic.ts";
import type { Program } from "../ast.ts";
import { Lexer } from "../lexer.ts";
import { findLandmarks } from "./landmarks.ts";
import { endsOperand, piecesOf, type Piece } from "./pieces.ts";

const INDENT = "  ";
/** Of the lines that a statement goes on in. */
const CONTINUED = "    ";

/**
 * The script with the house's white space: a line a statement, two spaces a block, heads of probes on lines of their
 * own. Only white space changes. Lines that were broken inside a statement stay broken, and single empty lines stay.
 */
export function formatScript(program: Program): string {
  const { source } = program;
  const marks = findLandmarks(program);
  const printer = new Printer(source);
  for (const piece of piecesOf(source, marks)) printer.add(piece, marks.bodies.has(piece.start));
  return printer.finish();
}

/** Words that an opening parenthesis stands apart from. */
const KEYWORDS: ReadonlySet<string> = new Set(["if", "while", "for", "unroll", "return", "else", "in"]);
/** What stays on the line of a block's `}`. */
const BEHIND_BLOCK: ReadonlySet<string> = new Set([";", ",", ")", "]", ".", "else"]);
const CLOSING: ReadonlySet<string> = new Set([",", ";", ")", "]"]);
const TIGHT: ReadonlySet<string> = new Set([".", "->", ".."]);

class Printer {
  readonly #source: SourceText;
  #text = "";
  #previous: Piece | undefined;
  /** Of the pieces before, the last that is no comment. */
  #previousToken: Piece | undefined;
  /** Open parentheses and brackets of every open block, and outside. */
  readonly #open = [0];
  #inStatement = false;

  constructor(source: SourceText) {
    this.#source = source;
  }

  add(piece: Piece, isBody: boolean): void {
    if (piece.text === "}") this.#open.pop();
    this.#text += this.#between(piece, isBody);
    this.#text += piece.kind === "lineComment" ? piece.text.trimEnd() : piece.text;
    this.#previous = piece;
    if (isComment(piece)) return;
    this.#previousToken = piece;
    const depth = this.#open.length - 1;
    if (piece.text === "{") this.#open.push(0);
    else if (piece.text === "(" || piece.text === "[") this.#open[depth]!++;
    else if (piece.text === ")" || piece.text === "]") this.#open[depth]!--;
    this.#inStatement = !this.#endsLine(piece);
  }

  finish(): string {
    return this.#text === "" ? "" : `${this.#text}\n`;
  }

  #between(piece: Piece, isBody: boolean): string {
    const before = this.#previous;
    if (!before) return "";
    const isFirst = before.text === "{" || piece.text === "}";
    const empty = piece.breaks > 1 && !isFirst ? "\n" : "";
    const mustBreak = before.kind === "lineComment" || piece.kind === "line" || before.kind === "line";
    if (isComment(piece)) {
      if (piece.breaks === 0 && !mustBreak) return " ";
      return this.#newLine(empty, piece.kind === "line");
    }
    if (mustBreak || this.#startsLine(piece, isBody)) {
      this.#inStatement &&= !isBody && piece.text !== "}" && piece.kind !== "predicate";
      return this.#newLine(empty, piece.kind === "line");
    }
    if (isComment(before)) return piece.breaks > 0 ? this.#newLine(empty, false) : " ";
    const mayBreak = piece.text !== "{" && piece.text !== "else" && piece.text !== ";" && piece.text !== ",";
    if (piece.breaks > 0 && mayBreak) return this.#newLine("", false);
    return this.#space(before, piece);
  }

  #newLine(empty: string, isUnindented: boolean): string {
    if (isUnindented) return `${empty}\n`;
    return `${empty}\n${INDENT.repeat(this.#open.length - 1)}${this.#inStatement ? CONTINUED : ""}`;
  }

  /** Whether the statement ends with this piece, so that the next line is a new one. */
  #endsLine({ text, kind }: Piece): boolean {
    if (kind === "line" || text === "{" || text === "}") return true;
    if (text === ";") return this.#open.at(-1) === 0;
    return (
      this.#open.length === 1 && (kind === "attachPoint" || kind === "predicate" || this.#isProbeComma(text))
    );
  }

  #isProbeComma(text: string): boolean {
    return text === "," && this.#open.length === 1 && this.#open[0] === 0;
  }

  #startsLine(piece: Piece, isBody: boolean): boolean {
    const before = this.#previousToken;
    if (!before) return false;
    if (isBody || piece.text === "}" || before.text === "{") return true;
    if (before.text === "}") return piece.kind !== "infix" && !BEHIND_BLOCK.has(piece.text);
    if (piece.kind === "predicate") return before.kind === "attachPoint" || before.text === ",";
    if (before.text === ";") return this.#open.at(-1) === 0 && piece.text !== ";";
    return this.#isProbeComma(before.text);
  }

  #space(before: Piece, piece: Piece): string {
    return wantsSpace(before, piece) || !this.#staysApart(before, piece) ? " " : "";
  }

  /** Whether both are the same tokens when nothing is between them: `- -$x`, `& &$x`. */
  #staysApart(before: Piece, { text }: Piece): boolean {
    if (before.kind === "attachPoint") return true;
    const source = { ...this.#source, text: before.text + text };
    return new Lexer(source).read(0).text === before.text && !/^\/[/*]/.test(source.text);
  }
}

function isComment({ kind }: Piece): boolean {
  return kind === "lineComment" || kind === "blockComment";
}

function wantsSpace(before: Piece, piece: Piece): boolean {
  if (before.text === "?" && piece.text === ":") return false;
  if (before.kind === "infix" || piece.kind === "infix") return true;
  if (before.kind === "predicate" || piece.kind === "predicate") return false;
  if (CLOSING.has(piece.text) || before.text === "(" || before.text === "[") return false;
  if (before.kind === "prefix" || piece.kind === "postfix" || TIGHT.has(before.text) || TIGHT.has(piece.text))
    return false;
  if (piece.kind === "star") return before.kind === "word";
  if (piece.kind === "typeColon") return false;
  if (before.kind === "typeColon" || before.text === "," || before.text === ";" || piece.text === "{")
    return true;
  if (piece.text === "(") return KEYWORDS.has(before.text);
  if (piece.text === "[" || before.text === ")") return piece.text === "else";
  return endsOperand(before) || before.text === "}";
}
