import type { Span } from "../../diagnostic.ts";
import type { Value } from "../../ir/index.ts";
import type { CheckedMap, LocalVariable, TypedStatement } from "../typed.ts";
import { sizeOf } from "../types.ts";
import { type Body, CALLBACK_DATA, CALLBACK_KEY, CALLBACK_VALUE } from "./body.ts";
import { directPlace } from "./memory.ts";
import { roundUp } from "./storage.ts";
import { assignedVariables } from "./walk.ts";

/** What a callback shares with the program lies in one block of the program's stack. */
const CONTEXT = 0;
/** u64: 1 when the callback left the whole program. */
const LEFT = 8;
const FIRST_VARIABLE = 16;

const SHARED = "shared with callbacks";

/** Puts the variables that callbacks use into that block. */
export function layOutCaptured(body: Body, captured: readonly LocalVariable[]): void {
  const offsets = new Map<LocalVariable, number>();
  let size = FIRST_VARIABLE;
  for (const variable of captured) {
    offsets.set(variable, size);
    size += roundUp(sizeOf(variable.type), 8);
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
  const shared = body.shared ?? b.alloca(FIRST_VARIABLE, 8, SHARED);
  b.store(8, shared, body.context, { offset: CONTEXT });
  b.store(8, shared, b.i64(0), { offset: LEFT });
  const name = `for_${storage.name}_${body.module.functions.length}`;
  writeCallback(body, statement, name);
  code.helper("for_each_map_elem", b.mapRef(storage.name), b.functionRef(name), shared, b.i64(0));
  facts.changed(statement.map);
  facts.forgetChangeable();
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
  const shared = body.shared ?? b.alloca(FIRST_VARIABLE, 8, SHARED);
  b.store(8, shared, body.context, { offset: CONTEXT });
  const name = `len_${storage.name}_${body.module.functions.length}`;
  const inner = body.callback(name);
  inner.code.ret(inner.b.i32(0));
  inner.finish(1, () => undefined);
  return code.helper("for_each_map_elem", b.mapRef(storage.name), b.functionRef(name), shared, b.i64(0));
}

function writeCallback(
  body: Body,
  { variable, map, body: block }: TypedStatement & { readonly kind: "forMap" },
  name: string,
): void {
  const inner = body.callback(name);
  const { b, code } = inner;
  const data = b.param(CALLBACK_DATA);
  inner.shared = data;
  for (const [captured, home] of body.homes)
    if (home.base === body.shared) inner.homes.set(captured, directPlace(data, home.offset));
  for (const own of assignedVariables(block)) {
    if (inner.homes.has(own) || own === variable || !body.homes.has(own)) continue;
    const size = sizeOf(own.type);
    inner.homes.set(own, inner.fitsStack(size) ? inner.permanent(size, 8, own.name) : inner.scratch(size));
  }
  inner.pairs.set(variable, [directPlace(b.param(CALLBACK_KEY)), directPlace(b.param(CALLBACK_VALUE))]);
  const next = code.block("next element");
  const end = code.block("stop");
  inner.loops.push({ next, end });
  inner.facts.changed(map);
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
