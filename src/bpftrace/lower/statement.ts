import { addIncoming, type Block } from "../../ir/index.ts";
import type { LocalVariable, TypedBlock, TypedExpression, TypedStatement } from "../typed.ts";
import { isAggregate, sizeOf } from "../types.ts";
import { aggregate } from "./aggregate.ts";
import { isKeptClean } from "./copy.ts";
import { forMap, forRangeByCallback, isCalledBack } from "./for-map.ts";
import type { Body } from "./body.ts";
import { assignMap, deleteElement, incrementMap } from "./map-access.ts";
import { widthOf } from "./place.ts";
import { type Call, emitRecord, isAction } from "./record.ts";
import { integer, isSigned } from "./scalar-form.ts";
import { isScalar, isWide } from "./value-form.ts";

type Of<K extends TypedStatement["kind"]> = TypedStatement & { readonly kind: K };

/** Lowers statements in order; actions in a row share a record. */
export function lowerBlock(body: Body, block: TypedBlock): void {
  let calls: Call[] = [];
  const flush = (): void => {
    const pending = calls;
    calls = [];
    if (pending.length > 0) body.withTemporaries(() => emitRecord(body, pending));
  };
  for (const statement of block.statements) {
    if (body.code.ended) return;
    if (statement.kind === "expression" && isAction(body, statement.expression)) {
      calls.push(statement.expression);
      const { name } = statement.expression;
      // A record ends with strings, and a program with exit.
      if (name === "join" || name === "exit") flush();
      if (name === "exit") return body.code.jump(body.exit);
      continue;
    }
    flush();
    body.withTemporaries(() => body.at(statement.span, () => lowerStatement(body, statement)));
  }
  flush();
}

function lowerStatement(body: Body, statement: TypedStatement): void {
  const { code } = body;
  switch (statement.kind) {
    case "expression":
      return lowerEffect(body, statement.expression);
    case "assignVariable":
      return assignVariable(body, statement.variable, statement.value);
    case "declare":
      return declare(body, statement.variable);
    case "assignMap":
      return assignMap(body, statement.map, statement.key, statement.value);
    case "aggregate":
      return aggregate(body, statement.map, statement.key, statement.aggregate, statement.operand);
    case "if":
      return lowerIf(body, statement);
    case "unroll":
      return lowerUnroll(body, statement);
    case "while":
      return lowerWhile(body, statement);
    case "forRange":
      return isCalledBack(body, statement)
        ? forRangeByCallback(body, statement)
        : lowerForRange(body, statement);
    case "forMap":
      return forMap(body, statement);
    case "break":
      return code.jump(body.loops.at(-1)?.end ?? body.exit);
    case "continue":
      return code.jump(body.loops.at(-1)?.next ?? body.exit);
    case "return":
      return code.jump(body.exit);
    case "block":
      return body.block(statement);
  }
}

/** An expression for what it does. */
function lowerEffect(body: Body, expression: TypedExpression): void {
  if (expression.kind === "increment" && expression.target.kind === "map") {
    const { target, by, type } = expression;
    if (target.kind === "map") incrementMap(body, target.map, target.key, by, false, type, false);
    return;
  }
  if (expression.kind === "call" && expression.name === "delete") {
    const [reference, key] = expression.arguments;
    if (reference?.kind === "mapReference") deleteElement(body, reference.map, key ?? reference.key);
    return;
  }
  if (expression.kind === "mapReference" || isAggregate(expression.type)) return;
  if (isScalar(expression.type) || expression.type.kind === "none") body.scalar(expression);
  else body.locate(expression);
}

function assignVariable(body: Body, variable: LocalVariable, value: TypedExpression): void {
  const home = body.homes.get(variable);
  if (home === undefined) {
    const scalar = body.scalar(value);
    if (body.typed.has(scalar)) body.mayBeTyped.add(variable);
    return body.code.write(variable, scalar);
  }
  if (isScalar(variable.type))
    body.b.store(widthOf(variable.type), home.base, body.scalar(value), { offset: home.offset });
  else body.store(value, { ...home, clean: home.base.op === "alloca" || isKeptClean(variable.type) });
}

function declare(body: Body, variable: LocalVariable): void {
  const home = body.homes.get(variable);
  if (home === undefined) return body.code.write(variable, integer(body, 0, variable.type));
  const size = sizeOf(variable.type);
  // Strings end at their first byte; the rest is never looked at.
  const used = variable.type.kind === "string" && home.base.op !== "alloca" ? 1 : size;
  body.b.fill(home.base, used, used === size ? 8 : 1, { offset: home.offset });
}

function lowerIf(body: Body, { condition, then, otherwise }: Of<"if">): void {
  const { code, facts } = body;
  const whenTrue = code.block("then");
  const end = code.block("end if");
  const whenFalse = otherwise ? code.block("else") : end;
  const known = body.test(condition, whenTrue, whenFalse);
  code.at(whenTrue);
  facts.within(() => body.block(then), known);
  code.jump(end);
  if (otherwise) {
    code.at(whenFalse);
    facts.within(() => body.block(otherwise));
    code.jump(end);
  }
  goOn(body, end);
}

/** Goes on behind a construct; when no way leads there, what follows is dead. */
function goOn(body: Body, end: Block): void {
  if (body.code.isReached(end)) body.code.at(end);
  else {
    body.code.at(end);
    body.b.unreachable();
  }
}

function lowerUnroll(body: Body, { count, body: block }: Of<"unroll">): void {
  const { code } = body;
  const end = code.block("unrolled");
  for (let round = 0; round < count && !code.ended; round++) {
    const next = code.block("round");
    body.loops.push({ next, end });
    body.block(block);
    body.loops.pop();
    code.jump(next);
    goOn(body, next);
  }
  code.jump(end);
  goOn(body, end);
}

function lowerWhile(body: Body, { condition, body: block }: Of<"while">): void {
  const { code, facts } = body;
  const head = code.block("while");
  const inside = code.block("do");
  const end = code.block("done");
  code.jump(head);
  code.atLoop(head);
  facts.forgetChangeable();
  const known = body.test(condition, inside, end);
  code.at(inside);
  body.loops.push({ next: head, end });
  facts.within(() => body.block(block), known);
  body.loops.pop();
  code.jump(head);
  code.sealLoop(head);
  facts.forgetChangeable();
  goOn(body, end);
}

function lowerForRange(body: Body, { variable, start, end: limit, body: block }: Of<"forRange">): void {
  const { b, code, facts } = body;
  const first = body.scalar(start);
  const last = body.scalar(limit);
  const head = code.block("for");
  const inside = code.block("do");
  const next = code.block("next");
  const end = code.block("done");
  const before = b.current;
  code.jump(head);
  code.atLoop(head);
  facts.forgetChangeable();
  const counter = b.phi(isWide(variable.type) ? "i64" : "i32", [[before, first]]);
  code.branch(isSigned(variable.type) ? "slt" : "ult", counter, last, inside, end);
  code.at(inside);
  const home = body.homes.get(variable);
  if (home === undefined) code.write(variable, counter);
  else b.store(widthOf(variable.type), home.base, counter, { offset: home.offset });
  body.loops.push({ next, end });
  facts.within(() => body.block(block));
  body.loops.pop();
  code.jump(next);
  if (code.isReached(next)) {
    code.at(next);
    addIncoming(counter, next, b.add(counter, integer(body, 1, variable.type)));
    code.jump(head);
  } else goOn(body, next);
  code.sealLoop(head);
  facts.forgetChangeable();
  goOn(body, end);
}
