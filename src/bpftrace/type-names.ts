import type { Expression, TypeName } from "./ast.ts";
import type { Cursor } from "./cursor.ts";
import { findBuiltin } from "./builtins.ts";
import { readInteger } from "./literals.ts";
import { typeWords } from "./type-words.ts";

const tags: ReadonlySet<string> = new Set(["struct", "union", "enum"]);
/** Words that C joins into one type. */
const cWords: ReadonlySet<string> = new Set([
  "unsigned",
  "signed",
  "long",
  "short",
  "char",
  "int",
  "const",
  "volatile",
]);

/** How the tokens at an offset read as a type, without taking them. */
interface TypeShape {
  /** Offset behind the last token of the type. */
  readonly end: number;
  readonly tagged: boolean;
  /** A type the language knows, whatever follows. */
  readonly known: boolean;
  /** Last suffix: `*`, `[` or none. */
  readonly suffix: "*" | "[" | "";
  readonly name: string;
}

function shapeAt(cursor: Cursor, offset: number): TypeShape | undefined {
  let token = cursor.lexer.read(offset);
  if (token.kind !== "identifier") return undefined;
  const tagged = tags.has(token.text);
  const first = token.text;
  let name = token.text;
  if (tagged) {
    token = cursor.lexer.read(token.end);
    if (token.kind !== "identifier") return undefined;
    name = token.text;
  } else {
    while (cWords.has(token.text)) {
      const next = cursor.lexer.read(token.end);
      if (next.kind !== "identifier") break;
      token = next;
    }
  }
  let end = token.end;
  let suffix: TypeShape["suffix"] = "";
  for (;;) {
    const next = cursor.lexer.read(end);
    if (next.text === "*") {
      suffix = "*";
      end = next.end;
    } else if (next.text === "[") {
      const length = cursor.lexer.read(next.end);
      const close = length.kind === "integer" ? cursor.lexer.read(length.end) : length;
      if (close.text !== "]") break;
      suffix = "[";
      end = close.end;
    } else break;
  }
  return { end, tagged, known: tagged || typeWords.has(first) || cWords.has(first), suffix, name };
}

/** At the token behind `(`: is `(...)` a cast? */
export function looksLikeCast(cursor: Cursor): boolean {
  if (cursor.at("typeof") && cursor.peek().text === "(") return true;
  const shape = shapeAt(cursor, cursor.token.start);
  if (!shape) return false;
  const close = cursor.lexer.read(shape.end);
  if (close.text !== ")") return false;
  const next = cursor.lexer.read(close.end);
  const operand =
    ["identifier", "integer", "string", "variable", "positional", "map"].includes(next.kind) ||
    ["(", "*", "!", "~", "&"].includes(next.text);
  if (shape.known) return operand || next.text === "-" || next.text === "{" || next.text === "+";
  if (shape.suffix === "*") return true;
  // `(name) x`: a builtin, a constant or a macro's parameter unless a value follows.
  return findBuiltin(shape.name) === undefined && operand && next.text !== "&" && !isInfixWord(next.text);
}

function isInfixWord(text: string): boolean {
  return text === "else";
}

/** At the first token of `sizeof(`'s operand and the like: is it a type, up to one of `ends`? */
export function looksLikeType(cursor: Cursor, ends: readonly string[]): boolean {
  if (cursor.at("typeof") && cursor.peek().text === "(") return true;
  const shape = shapeAt(cursor, cursor.token.start);
  if (!shape || !ends.includes(cursor.lexer.read(shape.end).text)) return false;
  return shape.known || shape.suffix !== "";
}

/** Reads a type; `expression` reads the operand of typeof. */
export function parseTypeName(cursor: Cursor, expression: () => Expression): TypeName {
  const start = cursor.token.start;
  if (cursor.at("typeof")) {
    cursor.advance();
    cursor.expect("(", "after 'typeof'");
    const typeOf = looksLikeType(cursor, [")"])
      ? cursor.nested(() => parseTypeName(cursor, expression))
      : expression();
    cursor.expect(")", "to end 'typeof'");
    const derived = parseSuffixes(cursor);
    return { kind: "type", name: "", typeOf, derived, span: cursor.span(start) };
  }
  const first = cursor.expectIdentifier("a type");
  if (tags.has(first.text)) {
    const name = cursor.expectIdentifier(`a name after '${first.text}'`).text;
    const derived = parseSuffixes(cursor);
    const tag = first.text === "struct" ? "struct" : first.text === "union" ? "union" : "enum";
    return { kind: "type", tag, name, derived, span: cursor.span(start) };
  }
  const words = [first.text];
  while (cWords.has(words.at(-1)!) && cursor.token.kind === "identifier") words.push(cursor.advance().text);
  const name = words.filter((word) => word !== "const" && word !== "volatile").join(" ");
  return { kind: "type", name, derived: parseSuffixes(cursor), span: cursor.span(start) };
}

function parseSuffixes(cursor: Cursor): ("*" | number)[] {
  const derived: ("*" | number)[] = [];
  for (;;) {
    cursor.checkChain(derived.length);
    if (cursor.accept("*")) derived.push("*");
    else if (cursor.at("[")) {
      cursor.advance();
      derived.push(cursor.token.kind === "integer" ? parseLength(cursor) : -1);
      cursor.expect("]", "after an array's length");
    } else return derived;
  }
}

function parseLength(cursor: Cursor): number {
  const token = cursor.advance();
  const read = readInteger(token.text);
  if (typeof read === "string") cursor.fail(read, cursor.tokenSpan(token));
  if (read.value > 1_048_576n) cursor.fail("Array longer than 1048576 elements", cursor.tokenSpan(token));
  return Number(read.value);
}
