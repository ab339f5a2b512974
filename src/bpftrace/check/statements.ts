import type { Span } from "../../diagnostic.ts";
import type { Block, Expression, Statement } from "../ast.ts";
import { findMapFunction } from "../map-functions.ts";
import { typeName } from "../type-relations.ts";
import type { TypedExpression, TypedStatement } from "../typed.ts";
import { int64, isAggregate } from "../types.ts";
import { aggregate } from "./aggregates.ts";
import { loop, unroll, whileLoop } from "./loops.ts";
import { condition, convert, isLiteral, value } from "./convert.ts";
import { type Elaborator, fail, isBroken } from "./elaborator.ts";
import { mapKey, mapNamed, mapReference } from "./names.ts";
import { combine, constantTruth } from "./operators.ts";
import { grow } from "./shared.ts";
import { declareVariable } from "./variables.ts";

type Of<K extends Statement["kind"]> = Extract<Statement, { kind: K }>;

export function statements(on: Elaborator, list: readonly Statement[]): TypedStatement[] {
  const leaving = list.findIndex(leaves);
  const behind = leaving < 0 ? undefined : list[leaving + 1];
  if (behind) on.findings.warning("unreachable", "What follows is never reached", behind.span);
  return list.flatMap((one) => statement(on, one));
}

/** Nothing behind the statement runs. */
function leaves(one: Statement): boolean {
  if (one.kind === "expression") return one.expression.kind === "call" && one.expression.name === "exit";
  return one.kind === "return" || one.kind === "break" || one.kind === "continue";
}

export function statement(on: Elaborator, one: Statement): readonly TypedStatement[] {
  switch (one.kind) {
    case "expression":
      return effect(on, one.expression);
    case "assign":
      return assign(on, one);
    case "let":
      return declaration(on, one);
    case "discard":
      return effect(on, one.value, false);
    case "if":
      return choice(on, one);
    case "unroll":
      return unroll(on, one);
    case "while":
      return whileLoop(on, one);
    case "for":
      return loop(on, one);
    case "break":
    case "continue":
      if (on.loopDepth > 0) return [{ kind: one.kind, span: one.span }];
      fail(on, "misplaced-jump", `'${one.kind}' is only allowed inside a loop`, one.span);
      return [];
    case "return":
      return [...(one.value ? effect(on, one.value, false) : []), { kind: "return", span: one.span }];
    case "importStatement":
      fail(on, "not-yet", "Imports are not supported yet", one.span);
      return [];
    case "block":
      return [on.block(one)];
  }
}

/** An expression for what it does. */
export function effect(on: Elaborator, expression: Expression, warn = true): readonly TypedStatement[] {
  const { span } = expression;
  if (expression.kind === "ternary" && expression.then) {
    const { condition: test, then, otherwise } = expression;
    return choice(on, { kind: "if", condition: test, then: wrap(then), otherwise: wrap(otherwise), span });
  }
  if (expression.kind === "ifExpression") return choice(on, { ...expression, kind: "if" });
  if (expression.kind === "block") return [on.block(expression)];
  if (
    expression.kind === "call" &&
    findMapFunction(expression.name) &&
    !on.shared.macros.has(expression.name)
  ) {
    fail(
      on,
      "misplaced-map-function",
      `${expression.name}() must be assigned to a map`,
      span,
      `For instance: @ = ${expression.name}(...);`,
    );
    return [];
  }
  const checked = on.expression(expression);
  if (isBroken(checked)) return [];
  if (checked.kind === "blockValue" && checked.type.kind === "none") return [checked.block];
  if (warn && isUseless(expression))
    on.findings.warning("unused-value", "The value is not used", span, "Write _ = ...; if that is meant.");
  const discarded = checked.kind === "call" ? { ...checked, discarded: true } : checked;
  return [{ kind: "expression", expression: discarded, span }];
}

function wrap(only: Expression): Block {
  return {
    kind: "block",
    statements: [{ kind: "expression", expression: only, span: only.span }],
    span: only.span,
  };
}

function isUseless(expression: Expression): boolean {
  switch (expression.kind) {
    case "integer":
    case "string":
    case "boolean":
    case "variable":
    case "map":
    case "binary":
    case "field":
    case "index":
    case "cast":
      return true;
    case "call":
      return expression.name === "has_key";
    default:
      return false;
  }
}

function assign(
  on: Elaborator,
  { target, operator, value: written, span }: Of<"assign">,
): readonly TypedStatement[] {
  if (target.kind === "map") return assignMap(on, target, operator, written, span);
  if (target.kind !== "variable") return [];
  const right = on.expression(written);
  if (!operator) return assignVariable(on, target, right, span);
  const left = on.expression(target);
  return assignVariable(on, target, combine(on, operator, left, right, span), span);
}

function assignVariable(
  on: Elaborator,
  target: Extract<Expression, { kind: "variable" }>,
  written: TypedExpression,
  span: Span,
  fresh = false,
): readonly TypedStatement[] {
  const right = value(written);
  if (isBroken(right)) {
    // Later uses need the name.
    declareVariable(on, target, () => true, fresh);
    return [];
  }
  if (right.type.kind === "none" || isAggregate(right.type)) {
    fail(
      on,
      "type-mismatch",
      `A value of type ${typeName(right.type)} cannot be kept in a variable`,
      right.span,
    );
    return [];
  }
  const local = declareVariable(on, target, learner(on, right), fresh);
  if (!local) {
    const known = on.scope.find(target.name)?.slot.type;
    if (known)
      fail(
        on,
        "type-mismatch",
        `'${target.name}' is ${typeName(known)}: a value of type ${typeName(right.type)} cannot be assigned to it`,
        span,
      );
    return [];
  }
  return [{ kind: "assignVariable", variable: local, value: convert(right, local.type), span }];
}

/** What an assignment tells a slot. */
function learner(on: Elaborator, right: TypedExpression): (slot: Parameters<typeof grow>[1]) => boolean {
  return (slot) =>
    grow(on.round, slot, (known) =>
      isLiteral(right) ? known.addLiteral(right.value) : known.add(right.type),
    );
}

function declaration(
  on: Elaborator,
  { variable, type, value: written, span }: Of<"let">,
): readonly TypedStatement[] {
  if (on.scope.find(variable.name)) {
    fail(
      on,
      "redeclared-variable",
      `'${variable.name}' is declared already, in this block or one around it`,
      variable.span,
    );
    return [];
  }
  const right = written && on.expression(written);
  const declared = type && on.type(type);
  if (type && !declared) return [];
  if (declared) {
    const local = declareVariable(
      on,
      variable,
      (slot) => grow(on.round, slot, (known) => (known.fix(declared), true)),
      true,
    );
    if (!local) return [];
    if (!right) return [{ kind: "declare", variable: local, span }];
    return assignVariable(on, variable, right, span);
  }
  if (right) return assignVariable(on, variable, right, span, true);
  const local = declareVariable(on, variable, () => true, true);
  return local && local.type.kind !== "none" ? [{ kind: "declare", variable: local, span }] : [];
}

function assignMap(
  on: Elaborator,
  target: Extract<Expression, { kind: "map" }>,
  operator: Of<"assign">["operator"],
  written: Expression,
  span: Span,
): readonly TypedStatement[] {
  const slots = mapNamed(on, target);
  const key = target.key && on.expression(target.key);
  const row =
    written.kind === "call" && !on.shared.macros.has(written.name)
      ? findMapFunction(written.name)
      : undefined;
  if (!slots) {
    if (!row) on.expression(written);
    return [];
  }
  slots.assigned = true;
  const converted = mapKey(on, slots, key, target.span);
  if (written.kind === "call" && row) {
    if (operator) fail(on, "misplaced-map-function", `${row.name}() takes a plain '='`, span);
    else return aggregate(on, slots, converted, written, span);
    return [];
  }
  if (written.kind === "block" && written.value?.kind === "call" && findMapFunction(written.value.name))
    return aggregateBlock(on, target, written, written.value, span);
  let right = value(on.expression(written));
  if (operator) {
    const type = slots.value.type ?? int64;
    const left: TypedExpression =
      converted === false
        ? right
        : {
            kind: "map",
            map: mapReference(on, slots),
            type,
            span: target.span,
            ...(converted && { key: converted }),
          };
    right = combine(on, operator, value(left), right, span);
  }
  if (isBroken(right) || converted === false) return [];
  if (right.type.kind === "none" || right.type.kind === "void") {
    fail(on, "type-mismatch", "There is no value to keep in a map", right.span);
    return [];
  }
  if (!learner(on, right)(slots.value) || isAggregate(slots.value.type ?? right.type)) {
    const known = slots.value.type;
    fail(
      on,
      "type-mismatch",
      `'${slots.name}' holds ${known ? typeName(known) : "something else"}: a value of type ${typeName(right.type)} cannot be assigned to it`,
      span,
    );
    return [];
  }
  const map = mapReference(on, slots);
  return [
    {
      kind: "assignMap",
      map,
      value: convert(right, slots.value.type ?? right.type),
      span,
      ...(converted && { key: converted }),
    },
  ];
}

/** `@m = { ...; count() }` */
function aggregateBlock(
  on: Elaborator,
  target: Extract<Expression, { kind: "map" }>,
  { statements: list, span }: Block,
  call: Extract<Expression, { kind: "call" }>,
  whole: Span,
): readonly TypedStatement[] {
  return on.within(on.scope.inner(), () => {
    const before = statements(on, list);
    const last = assignMap(on, target, undefined, call, whole);
    return [{ kind: "block", statements: [...before, ...last], span }];
  });
}

function choice(
  on: Elaborator,
  { condition: test, then, otherwise, span }: Of<"if">,
): readonly TypedStatement[] {
  const checked = condition(on, on.expression(test));
  const known = isBroken(checked) ? undefined : constantTruth(checked);
  // What is never reached may be of types that do not fit here: macros rely on that.
  if (known === true) return [on.block(then)];
  if (known === false) return otherwise ? [on.block(otherwise)] : [];
  const first = on.block(then);
  const second = otherwise && on.block(otherwise);
  return isBroken(checked)
    ? []
    : [{ kind: "if", condition: checked, then: first, span, ...(second && { otherwise: second }) }];
}
