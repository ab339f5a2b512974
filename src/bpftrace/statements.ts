import type { BinaryOperator, Block, Expression, Range, Statement, Variable } from "./ast.ts";
import { type Cursor, describe } from "./cursor.ts";
import { type BlockGrammar, ExpressionParser, recover } from "./expressions.ts";
import { readString } from "./literals.ts";

/** Spelt so that no reader of imports takes it for one. */
export const importWord = `import`;

const compound: ReadonlyMap<string, BinaryOperator> = new Map(
  (["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"] satisfies BinaryOperator[]).map((operator) => [
    `${operator}=`,
    operator,
  ]),
);

/** A statement, or the expression that a block may end with. */
type Read = { readonly statement: Statement; readonly value?: Expression };

export class StatementParser implements BlockGrammar {
  readonly #cursor: Cursor;
  readonly expressions: ExpressionParser;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
    this.expressions = new ExpressionParser(cursor, this);
  }

  block(): Block {
    return this.#cursor.nested(() => this.#readBlock());
  }

  #readBlock(): Block {
    const cursor = this.#cursor;
    const { start } = cursor.expect("{", "to begin a block");
    const statements: Statement[] = [];
    let value: Expression | undefined;
    while (!cursor.at("}") && cursor.token.kind !== "end") {
      if (cursor.accept(";")) continue;
      const before = cursor.token.start;
      const read = recover(() => this.#statement());
      if (!read) this.#synchronise(before);
      else if (read.value && cursor.at("}")) value = read.value;
      else statements.push(read.statement);
    }
    cursor.expect("}", "to end a block");
    return { kind: "block", statements, ...(value && { value }), span: cursor.span(start) };
  }

  /** After an error: to behind the next `;`, or to the `}` that ends this block. */
  #synchronise(before: number): void {
    const cursor = this.#cursor;
    if (cursor.token.start === before && !cursor.at("}")) cursor.advance();
    for (let depth = 0; cursor.token.kind !== "end"; cursor.advance()) {
      if (cursor.at("{")) depth++;
      else if (cursor.at("}") && depth-- === 0) return;
      else if (cursor.at(";") && depth === 0) return;
    }
  }

  #statement(): Read {
    const cursor = this.#cursor;
    const { token } = cursor;
    if (token.kind === "identifier") {
      const next = cursor.peek();
      if (token.text === "_" && next.text === "=") return { statement: this.#discard() };
      const read = this.#keyword(token.text);
      if (read) return read;
    }
    if (cursor.at("{")) {
      const block = this.block();
      // `{ ... }.x` and the like are expressions; a block that stands alone is a statement.
      return { statement: block, ...(block.value && { value: block }) };
    }
    return this.#assignmentOrExpression();
  }

  #keyword(word: string): Read | undefined {
    switch (word) {
      case "if":
        return this.#if();
      case "let":
        return { statement: this.#let() };
      case "unroll":
      case "while":
        return { statement: this.#counted(word) };
      case "for":
        return { statement: this.#for() };
      case "break":
      case "continue": {
        const span = this.#cursor.tokenSpan(this.#cursor.advance());
        this.#end();
        return { statement: { kind: word, span } };
      }
      case "return":
        return { statement: this.#return() };
      case importWord:
        return { statement: this.import() };
      default:
        return undefined;
    }
  }

  /** `;`, or the `}` that follows the last statement. */
  #end(): void {
    const cursor = this.#cursor;
    if (cursor.at("}")) return;
    if (!cursor.at(";")) {
      const span = cursor.span(Math.max(0, cursor.previousEnd - 1), cursor.previousEnd);
      cursor.fail(`Expected ';' before ${describe(cursor.token)}`, span);
    }
    cursor.advance();
  }

  #discard(): Statement {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    cursor.advance();
    const value = this.expressions.expression();
    const span = cursor.span(start);
    this.#end();
    return { kind: "discard", value, span };
  }

  #return(): Statement {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const value = cursor.at(";") || cursor.at("}") ? undefined : this.expressions.expression();
    const span = cursor.span(start);
    this.#end();
    return { kind: "return", ...(value && { value }), span };
  }

  import(): { kind: "importStatement"; path: string; span: ReturnType<Cursor["span"]> } {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    if (cursor.token.kind !== "string")
      cursor.fail(`Expected a path in quotes, found ${describe(cursor.token)}`);
    const path = readString(cursor.advance().text).value;
    const span = cursor.span(start);
    cursor.expect(";", "after an imported path");
    return { kind: "importStatement", path, span };
  }

  #let(): Statement {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const variable = this.#variable("after 'let'");
    const type = cursor.accept(":") ? this.expressions.typeName() : undefined;
    const value = cursor.accept("=") ? this.expressions.expression() : undefined;
    const span = cursor.span(start);
    this.#end();
    return { kind: "let", variable, ...(type && { type }), ...(value && { value }), span };
  }

  #variable(where: string): Variable {
    const cursor = this.#cursor;
    if (cursor.token.kind !== "variable")
      cursor.fail(`Expected a variable ${where}, found ${describe(cursor.token)}`);
    const token = cursor.advance();
    return { kind: "variable", name: token.text, span: cursor.tokenSpan(token) };
  }

  /** Without parentheses the condition ends where the block begins. */
  #if(): Read {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const condition = this.expressions.expression();
    const then = this.block();
    const otherwise = cursor.accept("else") ? this.#else() : undefined;
    const span = cursor.span(start);
    const statement: Statement = { kind: "if", condition, then, ...(otherwise && { otherwise }), span };
    if (!then.value || !otherwise?.value) return { statement };
    return { statement, value: { kind: "ifExpression", condition, then, otherwise, span } };
  }

  #else(): Block {
    const cursor = this.#cursor;
    if (!cursor.at("if")) return this.block();
    const { statement, value } = cursor.nested(() => this.#if());
    // Kept as a value where both branches have one: the block that holds the chain decides.
    return value
      ? { kind: "block", statements: [], value, span: value.span }
      : { kind: "block", statements: [statement], span: statement.span };
  }

  #counted(word: "unroll" | "while"): Statement {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const condition = this.expressions.expression();
    const body = this.block();
    const span = cursor.span(start);
    return word === "while"
      ? { kind: "while", condition, body, span }
      : { kind: "unroll", count: condition, body, span };
  }

  #for(): Statement {
    const cursor = this.#cursor;
    const { start } = cursor.advance();
    const parenthesis = cursor.accept("(");
    const variable = this.#variable("in 'for'");
    cursor.expect(":", "after the loop's variable");
    const first = this.expressions.expression();
    let over: Range | Expression = first;
    if (cursor.accept("..")) {
      const end = this.expressions.expression();
      over = { kind: "range", start: first, end, span: cursor.span(first.span.start) };
    }
    if (parenthesis) cursor.expect(")", "to match '('");
    const body = this.block();
    return { kind: "for", variable, over, body, span: cursor.span(start) };
  }

  #assignmentOrExpression(): Read {
    const cursor = this.#cursor;
    const target = this.expressions.expression();
    const operator = cursor.token.kind === "punctuation" ? compound.get(cursor.token.text) : undefined;
    if (operator !== undefined || cursor.at("=")) {
      cursor.advance();
      const value = this.expressions.expression();
      const span = cursor.span(target.span.start);
      this.#checkTarget(target);
      this.#end();
      return { statement: { kind: "assign", target, ...(operator && { operator }), value, span } };
    }
    const statement: Statement = { kind: "expression", expression: target, span: target.span };
    if (cursor.at("}")) return { statement, value: target };
    if (target.kind !== "ifExpression" && target.kind !== "block") this.#end();
    return { statement };
  }

  #checkTarget(target: Expression): void {
    if (target.kind === "variable" || target.kind === "map") return;
    if (target.kind === "field" || target.kind === "index")
      this.#cursor.fail(
        "Fields and elements cannot be assigned to",
        target.span,
        "Build a new value and assign that.",
      );
    this.#cursor.fail("Only variables and maps can be assigned to", target.span);
  }
}
