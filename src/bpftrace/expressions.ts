import type { BinaryOperator, Block, Expression, TypeName, UnaryOperator } from "./ast.ts";
import { type Cursor, describe, SyntaxFailure } from "./cursor.ts";
import { join } from "./findings.ts";
import { readInteger, readString } from "./literals.ts";
import { looksLikeCast, looksLikeType, parseTypeName } from "./type-names.ts";

/** What expressions need of the statement grammar: blocks are expressions too. */
export interface BlockGrammar {
  block(cursor: Cursor): Block;
}

/** A number: a higher one binds closer. Compound assignments are other tokens. */
const precedences: ReadonlyMap<string, { readonly operator: BinaryOperator; readonly level: number }> =
  new Map(
    (
      [
        ["||"],
        ["&&"],
        ["|"],
        ["^"],
        ["&"],
        ["==", "!="],
        ["<", ">", "<=", ">="],
        ["<<", ">>"],
        ["+", "-"],
        ["*", "/", "%"],
      ] satisfies BinaryOperator[][]
    ).flatMap((operators, level) => operators.map((operator) => [operator, { operator, level }] as const)),
  );

const unaryOperators: ReadonlyMap<string, UnaryOperator> = new Map(
  (["-", "!", "~", "*", "&", "+"] satisfies UnaryOperator[]).map((operator) => [operator, operator]),
);

/** Recursive descent with precedence climbing. */
export class ExpressionParser {
  readonly #cursor: Cursor;
  readonly #grammar: BlockGrammar;

  constructor(cursor: Cursor, grammar: BlockGrammar) {
    this.#cursor = cursor;
    this.#grammar = grammar;
  }

  expression(): Expression {
    return this.#cursor.nested(() => this.#ternary());
  }

  #ternary(): Expression {
    const cursor = this.#cursor;
    const condition = this.#binary(0);
    if (!cursor.accept("?")) return condition;
    const then = cursor.at(":") ? undefined : this.expression();
    cursor.expect(":", "in '?:'");
    const otherwise = this.expression();
    const span = join(condition.span, otherwise.span);
    return { kind: "ternary", condition, ...(then && { then }), otherwise, span };
  }

  #binary(least: number): Expression {
    const cursor = this.#cursor;
    let left = this.#unary();
    for (let length = 1; ; length++) {
      const found = cursor.token.kind === "punctuation" ? precedences.get(cursor.token.text) : undefined;
      // `/ {` ends a predicate.
      if (!found || found.level < least || (found.operator === "/" && cursor.peek().text === "{"))
        return left;
      cursor.checkChain(length);
      const operatorSpan = cursor.tokenSpan(cursor.advance());
      const right = cursor.nested(() => this.#binary(found.level + 1));
      const span = join(left.span, right.span);
      left = { kind: "binary", operator: found.operator, operatorSpan, left, right, span };
    }
  }

  #unary(): Expression {
    return this.#cursor.nested(() => this.#readUnary());
  }

  #readUnary(): Expression {
    const cursor = this.#cursor;
    const { token } = cursor;
    if (token.kind !== "punctuation") return this.#postfix();
    if (token.text === "++" || token.text === "--") {
      cursor.advance();
      const operand = this.#unary();
      this.#checkIncrement(operand);
      return {
        kind: "increment",
        operator: token.text,
        prefix: true,
        operand,
        span: cursor.span(token.start),
      };
    }
    // `&&x` is the address of an address, which there is none of: let primary complain.
    const operator = unaryOperators.get(token.text);
    if (operator === undefined) return this.#postfix();
    cursor.advance();
    const operand = this.#unary();
    return { kind: "unary", operator, operand, span: cursor.span(token.start) };
  }

  #checkIncrement(operand: Expression): void {
    if (operand.kind === "variable" || operand.kind === "map") return;
    this.#cursor.fail("'++' and '--' need a variable or a map", operand.span);
  }

  #postfix(): Expression {
    const cursor = this.#cursor;
    let operand = this.#primary();
    for (let length = 1; ; length++) {
      cursor.checkChain(length);
      const { token } = cursor;
      if (token.kind !== "punctuation") return operand;
      if (token.text === "." || token.text === "->") operand = this.#field(operand);
      else if (token.text === "[") {
        cursor.advance();
        const index = this.expression();
        cursor.expect("]", "after an index");
        operand = { kind: "index", operand, index, span: cursor.span(operand.span.start) };
      } else if (token.text === "++" || token.text === "--") {
        this.#checkIncrement(operand);
        cursor.advance();
        const span = cursor.span(operand.span.start);
        operand = { kind: "increment", operator: token.text, prefix: false, operand, span };
      } else return operand;
    }
  }

  #field(operand: Expression): Expression {
    const cursor = this.#cursor;
    const arrow = cursor.advance().text === "->";
    const { token } = cursor;
    if (token.kind !== "identifier" && token.kind !== "integer")
      cursor.fail(`Expected a field's name, found ${describe(token)}`);
    cursor.advance();
    const fieldSpan = cursor.tokenSpan(token);
    return {
      kind: "field",
      operand,
      arrow,
      field: token.text,
      fieldSpan,
      span: cursor.span(operand.span.start),
    };
  }

  #primary(): Expression {
    const cursor = this.#cursor;
    const { token } = cursor;
    const span = cursor.tokenSpan(token);
    switch (token.kind) {
      case "integer":
        return this.#integer();
      case "string":
        return this.#string();
      case "variable":
        cursor.advance();
        return { kind: "variable", name: token.text, span };
      case "positional": {
        cursor.advance();
        const index = token.text === "$#" ? 0 : Number(token.text.slice(1));
        if (token.text !== "$#" && (index < 1 || index > 65_535))
          cursor.fail(`Parameters are numbered from $1, not ${token.text}`, span);
        return { kind: "positional", index, span };
      }
      case "map":
        return this.#map();
      case "identifier":
        return this.#word();
      default:
        if (token.text === "(") return this.#parenthesis();
        if (token.text === "{") return this.#grammar.block(cursor);
        return cursor.fail(`Expected a value, found ${describe(token)}`);
    }
  }

  #integer(): Expression {
    const cursor = this.#cursor;
    const token = cursor.advance();
    const span = cursor.tokenSpan(token);
    const read = readInteger(token.text);
    if (typeof read === "string")
      cursor.findings.error("bad-number", read[0]!.toUpperCase() + read.slice(1), span);
    const { value, suffix } = typeof read === "string" ? { value: 0n, suffix: "" } : read;
    return { kind: "integer", value, text: token.text, suffix, span };
  }

  #string(): Expression {
    const cursor = this.#cursor;
    const token = cursor.advance();
    const span = cursor.tokenSpan(token);
    const { value, unknownEscapes } = readString(token.text);
    for (const escape of unknownEscapes)
      cursor.findings.error("bad-escape", `Unknown escape '${escape}' in a string`, span);
    return { kind: "string", value, span };
  }

  #map(): Expression {
    const cursor = this.#cursor;
    const token = cursor.advance();
    if (!cursor.accept("[")) return { kind: "map", name: token.text, span: cursor.tokenSpan(token) };
    const keyStart = cursor.token.start;
    const keys = this.#list("]");
    if (keys.length === 0) cursor.fail("Expected a key between '[' and ']'");
    const keySpan = cursor.span(keyStart);
    cursor.expect("]", "after a map's key");
    const span = cursor.span(token.start);
    const key: Expression = keys.length === 1 ? keys[0]! : { kind: "tuple", elements: keys, span: keySpan };
    return { kind: "map", name: token.text, key, span };
  }

  /** Expressions between commas, up to `end`, which is left. A comma before the end is allowed. */
  #list(end: string): Expression[] {
    const cursor = this.#cursor;
    const list: Expression[] = [];
    while (!cursor.at(end)) {
      list.push(this.#argument());
      if (!cursor.accept(",")) break;
    }
    return list;
  }

  /** Types may be passed where they cannot be taken for a value. */
  #argument(): Expression {
    const cursor = this.#cursor;
    const type = cursor.at("typeof") || ["struct", "union", "enum"].some((word) => cursor.at(word));
    return type ? this.typeName() : this.expression();
  }

  typeName(): TypeName {
    return parseTypeName(this.#cursor, () => this.expression());
  }

  #word(): Expression {
    const cursor = this.#cursor;
    const { token } = cursor;
    const span = cursor.tokenSpan(token);
    if (token.text === "if") return this.#ifExpression();
    cursor.advance();
    if (token.text === "true" || token.text === "false")
      return { kind: "boolean", value: token.text === "true", span };
    if (token.text === "comptime") {
      const operand = this.#unary();
      return { kind: "comptime", operand, span: cursor.span(token.start) };
    }
    if (!cursor.at("(")) return { kind: "identifier", name: token.text, span };
    cursor.advance();
    if (token.text === "sizeof") {
      const of = this.#typeOrExpression([")"]);
      cursor.expect(")", "to end 'sizeof'");
      return { kind: "sizeof", of, span: cursor.span(token.start) };
    }
    if (token.text === "offsetof") return this.#offsetof(token.start);
    const list = token.text === "typeinfo" ? [this.#typeOrExpression([")"])] : this.#list(")");
    cursor.expect(")", `to end the arguments of '${token.text}'`);
    return {
      kind: "call",
      name: token.text,
      nameSpan: span,
      arguments: list,
      span: cursor.span(token.start),
    };
  }

  #typeOrExpression(ends: readonly string[]): TypeName | Expression {
    return looksLikeType(this.#cursor, ends) ? this.typeName() : this.expression();
  }

  #offsetof(start: number): Expression {
    const cursor = this.#cursor;
    const of = this.#typeOrExpression([","]);
    cursor.expect(",", "between 'offsetof's type and field");
    const field = [cursor.expectIdentifier("a field").text];
    while (cursor.accept(".")) field.push(cursor.expectIdentifier("a field").text);
    cursor.expect(")", "to end 'offsetof'");
    return { kind: "offsetof", of, field, span: cursor.span(start) };
  }

  /** `if c { a } else { b }` where a value is asked for. */
  #ifExpression(): Expression {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const condition = this.expression();
    const then = this.#grammar.block(cursor);
    cursor.expect("else", "since the value of 'if' is used");
    const otherwise = cursor.at("if") ? this.#wrap(this.expression()) : this.#grammar.block(cursor);
    return { kind: "ifExpression", condition, then, otherwise, span: cursor.span(start) };
  }

  #wrap(value: Expression): Block {
    return { kind: "block", statements: [], value, span: value.span };
  }

  /** A cast, a record, a tuple or a grouping. */
  #parenthesis(): Expression {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    if (looksLikeCast(cursor)) {
      const type = this.typeName();
      cursor.expect(")", "to end a cast");
      const operand = this.#unary();
      return { kind: "cast", type, operand, span: cursor.span(start) };
    }
    if (cursor.token.kind === "identifier" && cursor.peek().text === "=") return this.#record(start);
    const elements: Expression[] = [];
    let comma = false;
    while (!cursor.at(")")) {
      elements.push(this.expression());
      if (!cursor.accept(",")) break;
      comma = true;
    }
    cursor.expect(")", "to match '('");
    const first = elements[0];
    if (first && !comma) return first;
    return { kind: "tuple", elements, span: cursor.span(start) };
  }

  #record(start: number): Expression {
    const cursor = this.#cursor;
    const fields: { name: string; value: Expression; span: ReturnType<Cursor["span"]> }[] = [];
    while (!cursor.at(")")) {
      const name = cursor.expectIdentifier("a field's name");
      cursor.expect("=", "after a field's name");
      const value = this.expression();
      const span = cursor.span(name.start);
      if (fields.some((field) => field.name === name.text))
        cursor.findings.error("duplicate-field", `Field '${name.text}' is there twice`, span);
      fields.push({ name: name.text, value, span });
      if (!cursor.accept(",")) break;
    }
    cursor.expect(")", "to end a record");
    return { kind: "record", fields, span: cursor.span(start) };
  }
}

/** Runs `read`; after a syntax error the finding is there and the result is undefined. */
export function recover<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxFailure) return undefined;
    throw error;
  }
}
