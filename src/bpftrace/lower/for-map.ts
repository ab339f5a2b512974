import type { Span } from "../../diagnostic.ts";
import type { Value } from "../../ir/index.ts";
import type { CheckedMap, LocalVariable, TypedBlock, TypedStatement } from "../typed.ts";
import { sizeOf } from "../types.ts";
import type { Body, CallbackShape } from "./body.ts";
import { directPlace } from "./memory.ts";
import { roundUp } from "./storage.ts";
import { widthOf } from "./place.ts";
import { extend, isSigned } from "./scalar-form.ts";
import { assignedVariables, type RangeLoop } from "./walk.ts";

/** What a callback shares with the program lies in one block of the program's stack. */
const CONTEXT = 0;
/** u64: 1 when the callback left the whole program. */
const LEFT = 8;
const FIRST_VARIABLE = 16;

/** Every variable is followed by a u64: where a loop over a range begins, if it is such a loop's variable. */
const RANGE_START = 8;

const SHARED = "shared with callbacks";

/** bpf_for_each_map_elem calls back with map, key, value and data, bpf_loop with a number and data. */
const ELEMENT: CallbackShape = { parameters: 4, data: 3 };
const ELEMENT_KEY = 1;
const ELEMENT_VALUE = 2;
const ROUND: CallbackShape = { parameters: 2, data: 1 };

/** Loops up to this many rounds are written as such: the verifier follows each of them. */
const MOST_ROUNDS = 64;

/** Whether a loop over a range is left to bpf_loop. */
export function isCalledBack(body: Body, { start, end }: RangeLoop): boolean {
  const known = start.kind === "integer" && end.kind === "integer";
  return body.unit.target.features.loop && !(known && end.value - start.value <= MOST_ROUNDS);
}

/** Puts the variables that callbacks use into that block. */
export function layOutCaptured(body: Body, captured: readonly LocalVariable[]): void {
  const offsets = new Map<LocalVariable, number>();
  let size = FIRST_VARIABLE;
  for (const variable of captured) {
    offsets.set(variable, size);
    size += roundUp(sizeOf(variable.type), 8) + RANGE_START;
  }
  const { base } = body.permanent(size, 8, SHARED);
  body.shared = base;
  // The verifier wants every byte written before a callback reads one.
  body.b.fill(base, size, 8);
  for (const [variable, offset] of offsets) body.homes.set(variable, directPlace(base, offset));
}

/** `for ($kv : @map) { ... }` by bpf_for_each_map_elem. */
export function forMap(body: Body, statement: TypedStatement & { readonly kind: "forMap" }): void {
  const { b, code, unit, facts } = body;
  const storage = unit.storage(statement.map);
  if (!unit.target.features.forEachMapElem) {
    unit.error("for-each", "Loops over a map need a kernel from 5.13 on", statement.span);
    return;
  }
  const shared = share(body);
  const name = `for_${storage.name}_${body.module.functions.length}`;
  const { variable, map } = statement;
  writeCallback(body, statement.body, name, ELEMENT, (inner) => {
    const { b: to } = inner;
    inner.pairs.set(variable, [directPlace(to.param(ELEMENT_KEY)), directPlace(to.param(ELEMENT_VALUE))]);
    inner.facts.changed(map);
    return variable;
  });
  code.helper("for_each_map_elem", b.mapRef(storage.name), b.functionRef(name), shared, b.i64(0));
  facts.changed(map);
  goOn(body, shared);
}

/** `for ($i : start..end) { ... }` by bpf_loop; the variable lies where callbacks find it. */
export function forRangeByCallback(body: Body, { variable, start, end, body: block }: RangeLoop): void {
  const { b, code } = body;
  const first = extend(body, body.scalar(start), start.type);
  const last = extend(body, body.scalar(end), end.type);
  const home = body.homes.get(variable);
  if (home === undefined) throw new TypeError(`${variable.name} is not shared`);
  const width = widthOf(variable.type);
  const startOffset = roundUp(width, 8);
  const shared = share(body);
  const name = `for_range_${body.module.functions.length}`;
  writeCallback(body, block, name, ROUND, (inner) => {
    // Start and number of the round: to the verifier all rounds are one, where a counter would be as many.
    const own = inner.homes.get(variable)!;
    const { b: to } = inner;
    const from = to.load("i64", 8, own.base, { offset: own.offset + startOffset });
    const value = to.add(from, to.convert("zext32", to.convert("trunc", to.param(0))));
    to.store(width, own.base, value, { offset: own.offset });
    return variable;
  });
  const some = code.block("rounds");
  const none = code.block("no rounds");
  code.branch(isSigned(variable.type) ? "slt" : "ult", first, last, some, none);
  code.at(some);
  b.store(8, home.base, first, { offset: home.offset + startOffset });
  const rounds = b.convert("trunc", b.sub(last, first));
  code.helper("loop", rounds, b.functionRef(name), shared, b.i64(0));
  code.jump(none);
  code.at(none);
  goOn(body, shared);
}

/** The block that callbacks share with the program, ready for one. */
function share(body: Body): Value {
  const { b } = body;
  const shared = body.shared ?? b.alloca(FIRST_VARIABLE, 8, SHARED);
  b.store(8, shared, body.context, { offset: CONTEXT });
  b.store(8, shared, b.i64(0), { offset: LEFT });
  return shared;
}

/** Behind the loop, unless a callback left the program. */
function goOn(body: Body, shared: Value): void {
  const { b, code } = body;
  body.facts.forgetChangeable();
  const on = code.block("on");
  code.branch("eq", b.load("i64", 8, shared, { offset: LEFT }), b.i64(0), on, body.exit, { likely: true });
  code.at(on);
}

/** `len(@map)`: the helper that visits every element tells how many there were. */
export function countElements(body: Body, map: CheckedMap, span: Span): Value {
  const { b, code, unit } = body;
  const storage = unit.storage(map);
  if (!unit.target.features.forEachMapElem) {
    unit.error("for-each", "len() of a map needs a kernel from 5.13 on", span);
    return b.i64(0);
  }
  const shared = share(body);
  const name = `len_${storage.name}_${body.module.functions.length}`;
  const inner = body.callback(name, ELEMENT);
  inner.code.ret(inner.b.i32(0));
  inner.finish(1, () => undefined);
  return code.helper("for_each_map_elem", b.mapRef(storage.name), b.functionRef(name), shared, b.i64(0));
}

/** Writes a loop's body as a function; `begin` readies it for its variable, which it names. */
function writeCallback(
  body: Body,
  block: TypedBlock,
  name: string,
  shape: CallbackShape,
  begin: (inner: Body) => LocalVariable,
): void {
  const inner = body.callback(name, shape);
  const { b, code } = inner;
  const data = b.param(shape.data);
  inner.shared = data;
  for (const [captured, home] of body.homes)
    if (home.base === body.shared) inner.homes.set(captured, directPlace(data, home.offset));
  const variable = begin(inner);
  for (const own of assignedVariables(block)) {
    if (inner.homes.has(own) || own === variable || !body.homes.has(own)) continue;
    const size = sizeOf(own.type);
    inner.homes.set(own, inner.fitsStack(size) ? inner.permanent(size, 8, own.name) : inner.scratch(size));
  }
  const next = code.block("next round");
  const end = code.block("stop");
  inner.loops.push({ next, end });
  inner.block(block);
  code.jump(next);
  code.at(next);
  code.ret(b.i32(0));
  if (code.isReached(end)) {
    code.at(end);
    code.ret(b.i32(1));
  } else dropBlock(inner, end);
  inner.finish(1, () => b.store(8, data, b.i64(1), { offset: LEFT }));
}

function dropBlock({ b }: Body, block: Body["exit"]): void {
  b.fn.blocks = b.fn.blocks.filter((other) => other !== block);
}
