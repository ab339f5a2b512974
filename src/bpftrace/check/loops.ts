import type { Block, Expression, Statement } from "../ast.ts";
import { isCastable, typeName } from "../type-relations.ts";
import type { LocalVariable, TypedBlock, TypedStatement } from "../typed.ts";
import { int64, isAggregate, type TupleType, type Type, uint64 } from "../types.ts";
import { condition, convert, number } from "./convert.ts";
import { type Elaborator, fail, isBroken, type MapLoop } from "./elaborator.ts";
import { mapNamed, mapReference } from "./names.ts";
import { grow } from "./shared.ts";
import { declareVariable } from "./variables.ts";

type Of<K extends Statement["kind"]> = Extract<Statement, { kind: K }>;

export function whileLoop(on: Elaborator, one: Of<"while">): readonly TypedStatement[] {
  const test = condition(on, on.expression(one.condition));
  const body = loopBody(on, one.body);
  return isBroken(test) ? [] : [{ kind: "while", condition: test, body, span: one.span }];
}

const maxUnroll = 100n;

export function unroll(on: Elaborator, { count, body, span }: Of<"unroll">): readonly TypedStatement[] {
  const checked = on.expression(count);
  const block = loopBody(on, body);
  if (isBroken(checked)) return [];
  if (checked.kind !== "integer" || checked.value < 1n || checked.value > maxUnroll) {
    fail(on, "bad-unroll", `unroll() needs a constant from 1 to ${maxUnroll}`, count.span);
    return [];
  }
  return [{ kind: "unroll", count: Number(checked.value), body: block, span }];
}

function loopBody(on: Elaborator, body: Block): TypedBlock {
  on.loopDepth++;
  const block = on.block(body);
  on.loopDepth--;
  return block;
}

export function loop(on: Elaborator, one: Of<"for">): readonly TypedStatement[] {
  const { over } = one;
  if (over.kind === "range") return rangeLoop(on, one, over);
  if (over.kind !== "map" || over.key) {
    fail(on, "bad-loop", "'for' runs over a whole map or over a range: for ($i : 0..10)", over.span);
    return [];
  }
  return mapLoop(on, one, over);
}

function rangeLoop(
  on: Elaborator,
  { variable, body, span }: Of<"for">,
  { start, end }: Extract<Of<"for">["over"], { kind: "range" }>,
): readonly TypedStatement[] {
  const first = convert(number(on, on.expression(start), "A range"), int64);
  const last = convert(number(on, on.expression(end), "A range"), int64);
  const inner = on.scope.inner();
  return on.within(inner, () => {
    const local = loopVariable(on, variable, int64);
    const block = loopBody(on, body);
    if (!local || isBroken(first) || isBroken(last)) return [];
    return [{ kind: "forRange", variable: local, start: first, end: last, body: block, span }];
  });
}

function loopVariable(
  on: Elaborator,
  variable: Of<"for">["variable"],
  type: Type,
): LocalVariable | undefined {
  if (on.scope.find(variable.name)) {
    fail(
      on,
      "redeclared-variable",
      `'${variable.name}' is declared already, outside the loop`,
      variable.span,
    );
    return undefined;
  }
  return declareVariable(
    on,
    variable,
    (slot) => grow(on.round, slot, (known) => (known.fix(type), true)),
    true,
  );
}

function mapLoop(
  on: Elaborator,
  { variable, body, span }: Of<"for">,
  over: Extract<Expression, { kind: "map" }>,
): readonly TypedStatement[] {
  const slots = mapNamed(on, over);
  if (!slots) return [];
  if (slots.keyed === false) {
    fail(on, "bad-loop", `'${slots.name}' has no keys to run over`, over.span);
    return [];
  }
  const key = slots.key.type;
  const held = slots.value.type;
  if (!key || !held) {
    if (!slots.assigned)
      fail(on, "undefined-map", `Undefined map '${slots.name}': nothing is ever assigned to it`, over.span);
    return [];
  }
  const entry = isCastable(held) && "signed" in held ? (held.signed ? int64 : uint64) : held;
  if (isAggregate(entry)) {
    fail(
      on,
      "bad-loop",
      `The values of '${slots.name}' (${typeName(held)}) cannot be read in a loop`,
      over.span,
    );
    return [];
  }
  const pair: TupleType = { kind: "tuple", fields: [{ type: key }, { type: entry }] };
  const frame: MapLoop = { captured: new Set() };
  return on.within(on.scope.inner(), () => {
    on.mapLoops.push(frame);
    const local = loopVariable(on, variable, pair);
    const block = loopBody(on, body);
    on.mapLoops.pop();
    if (!local) return [];
    return [
      {
        kind: "forMap",
        variable: local,
        map: mapReference(on, slots),
        captured: [...frame.captured],
        body: block,
        span,
      },
    ];
  });
}
