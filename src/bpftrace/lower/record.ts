import type { Block, Value } from "../../ir/index.ts";
import type { PlanAction, PlanArgument } from "../../object/index.ts";
import type { TypedExpression } from "../typed.ts";
import { alignOf, sizeOf } from "../types.ts";
import type { Body } from "./body.ts";
import { hasEffects } from "./effects.ts";
import { appendStrings, JOIN_ROOM } from "./join.ts";
import { directPlace, type Place } from "./memory.ts";
import { addressOf, widthOf } from "./place.ts";
import { roundUp } from "./storage.ts";
import { copyValue, isKeptClean } from "./copy.ts";
import { addGlobal } from "./failure.ts";
import { RING } from "./unit.ts";
import { isScalar } from "./value-form.ts";

export type Call = TypedExpression & { readonly kind: "call" };

/** BPF_F_CURRENT_CPU */
const CURRENT_CPU = 0xffffffffn;

/** A value that goes into a record: written there directly, or (when computing it does something) before. */
interface Field {
  readonly expression: TypedExpression;
  readonly offset: number;
  readonly early: { readonly scalar: Value } | { readonly place: Place } | undefined;
}

/** One record while it is laid out. */
class Layout {
  readonly body: Body;
  readonly fields: Field[] = [];
  /** Bytes so far; the record's number comes first. */
  size = 4;
  join: { readonly offset: number; readonly call: Call } | undefined;
  /** One value does something: then all are computed first, in their order. */
  readonly #early: boolean;

  constructor(body: Body, calls: readonly Call[]) {
    this.body = body;
    this.#early = calls.some((call) => call.arguments.some(hasEffects));
  }

  argument(expression: TypedExpression): PlanArgument {
    const { body } = this;
    const name = functionName(body, expression);
    if (name !== undefined) return { constant: name, type: { kind: "string", size: name.length + 1 } };
    const type = body.unit.planType(expression.type);
    const constant = constantOf(body, expression);
    if (constant !== undefined) return { constant, type };
    const offset = this.#room(sizeOf(expression.type), alignOf(expression.type));
    const early = this.#early ? evaluate(body, expression) : undefined;
    this.fields.push({ expression, offset, early });
    return { name: "", offset, type };
  }

  strings(call: Call): number {
    const offset = this.#room(4, 4);
    this.join = { offset, call };
    return offset;
  }

  #room(size: number, align: number): number {
    const offset = roundUp(this.size, align);
    this.size = offset + size;
    return offset;
  }
}

/** What the compiler knows already need not travel. */
function constantOf(body: Body, expression: TypedExpression): string | undefined {
  switch (expression.kind) {
    case "integer":
      return `${expression.value}`;
    case "string":
      return expression.value;
    case "builtin":
      return expression.name === "probe" ? body.target.name : undefined;
    case "cast":
      return expression.type.kind === "string" && expression.operand.type.kind === "string"
        ? constantOf(body, expression.operand)
        : undefined;
    default:
      return undefined;
  }
}

/** `func` where the program belongs to one function, whose name needs no symbol table. */
function functionName({ probe, target }: Body, expression: TypedExpression): string | undefined {
  if (expression.kind !== "builtin" || expression.name !== "func") return undefined;
  const { attach } = target;
  if (attach.kind === "fentry") return attach.function;
  return attach.kind === "kprobe" && probe.targets.length === 1 ? attach.function : undefined;
}

function evaluate(body: Body, expression: TypedExpression): NonNullable<Field["early"]> {
  if (isScalar(expression.type)) return { scalar: body.scalar(expression) };
  const place = body.temporary(sizeOf(expression.type));
  body.store(expression, { ...place, clean: place.base.op === "alloca" || isKeptClean(expression.type) });
  return { place };
}

type Describe = (layout: Layout, call: Call) => PlanAction;

const text = (expression: TypedExpression | undefined): string =>
  expression?.kind === "string" ? expression.value : "";
const small = (expression: TypedExpression | undefined): number =>
  expression?.kind === "integer" ? Number(expression.value) : 0;

function formatted(kind: "printf" | "system" | "cat"): Describe {
  return (layout, { arguments: [format, ...args] }) => ({
    kind,
    format: text(format),
    args: args.map((arg) => layout.argument(arg)),
  });
}

/** errorf, warnf: shown with their place in the script. */
function message(severity: "error" | "warning"): Describe {
  return (layout, { arguments: [format, ...args], span }) => ({
    kind: "message",
    severity,
    format: text(format),
    args: args.map((arg) => layout.argument(arg)),
    span: [span.start, span.end],
  });
}

function onMap(kind: "clear" | "zero"): Describe {
  return (_layout, { arguments: [map] }) => ({ kind, map: mapName(map) });
}

function mapName(expression: TypedExpression | undefined): string {
  if (expression?.kind !== "mapReference") throw new TypeError("a map is expected");
  return expression.map.name;
}

function print(layout: Layout, { arguments: [value, top, divisor] }: Call): PlanAction {
  if (value === undefined) throw new TypeError("print takes a value");
  if (value.kind !== "mapReference") return { kind: "printValue", value: layout.argument(value) };
  const { map, key } = value;
  if (key !== undefined) return { kind: "printElement", map: map.name, key: layout.argument(key) };
  return { kind: "printMap", map: map.name, top: small(top), divisor: small(divisor) };
}

function exit(layout: Layout, { arguments: [code] }: Call): PlanAction {
  const zero = { constant: "0", type: { kind: "int", size: 8, signed: true } } as const;
  return { kind: "exit", code: code ? layout.argument(code) : zero };
}

/** The calls that the session acts on. */
const ACTIONS: Partial<Record<Call["name"], Describe>> = {
  printf: formatted("printf"),
  system: formatted("system"),
  cat: formatted("cat"),
  time: (_layout, { arguments: [format] }) => ({
    kind: "time",
    format: format ? text(format) : "%H:%M:%S\n",
  }),
  join: (layout, call) => {
    const separator = call.arguments[1] ? text(call.arguments[1]) : " ";
    return { kind: "join", separator, offset: layout.strings(call) };
  },
  errorf: message("error"),
  warnf: message("warning"),
  print,
  exit,
  clear: onMap("clear"),
  zero: onMap("zero"),
};

export function isAction(body: Body, expression: TypedExpression): expression is Call {
  if (expression.kind !== "call") return false;
  return ACTIONS[expression.name] !== undefined || isWholeDelete(body, expression);
}

/** `delete(@x)` of a scalar that each CPU has a copy of: only the session reaches them all. */
function isWholeDelete(body: Body, { name, arguments: [map] }: Call): boolean {
  return name === "delete" && map?.kind === "mapReference" && body.unit.storage(map.map).shape === "array";
}

function describe(call: Call): Describe {
  return ACTIONS[call.name] ?? onMap("clear");
}

/** Calls that follow each other go into one record: one reservation, one submission. */
export function emitRecord(body: Body, calls: readonly Call[]): void {
  const layout = new Layout(body, calls);
  const actions = calls.map((call) => describe(call)(layout, call));
  const index = body.unit.addRecord({ size: layout.size, actions });
  body.at(calls[0]!.span, () => {
    if (layout.join !== undefined) sendJoined(body, layout, layout.join, index, actions.length);
    else if (body.unit.target.features.ringbuf) sendReserved(body, layout, index, actions.length);
    else sendScratch(body, layout, index, actions.length);
  });
}

/** Written in place in the ring. */
function sendReserved(body: Body, layout: Layout, index: number, lost: number): void {
  const { b, code } = body;
  const size = roundUp(layout.size, 8);
  const record = code.helper("ringbuf_reserve", b.mapRef(RING), b.i64(size), b.i64(0));
  const write = code.block("write");
  const full = code.block("full");
  const sent = code.block("sent");
  code.branch("ne", record, b.null(), write, full, { likely: true });
  code.at(write);
  body.facts.within(() => fill(body, layout, record, 0, index));
  code.helper("ringbuf_submit", record, b.i64(0));
  code.jump(sent);
  code.at(full);
  countLost(body, lost);
  code.jump(sent);
  code.at(sent);
}

/** Written to per-CPU memory and copied to the perf buffer. */
function sendScratch(body: Body, layout: Layout, index: number, lost: number): void {
  const { b } = body;
  const { base, offset } = body.scratch(layout.size);
  fill(body, layout, base, offset, index);
  send(body, addressOf(body, { base, offset }), b.i64(layout.size), lost);
}

/** Per-CPU memory again: only there may a record's length depend on its strings. */
function sendJoined(
  body: Body,
  layout: Layout,
  join: NonNullable<Layout["join"]>,
  index: number,
  lost: number,
): void {
  const { base, offset } = body.scratch(layout.size + JOIN_ROOM);
  const start = addressOf(body, { base, offset });
  fill(body, layout, base, offset, index);
  const [argv] = join.call.arguments;
  if (argv === undefined) throw new TypeError("join takes an array");
  const end = appendStrings(body, argv, { base: start, size: layout.size, lengthOffset: join.offset });
  send(body, start, end, lost);
}

/** Copies a finished record out. */
function send(body: Body, start: Value, size: Value, lost: number): void {
  const { b, code, unit } = body;
  const result = unit.target.features.ringbuf
    ? code.helper("ringbuf_output", b.mapRef(RING), start, size, b.i64(0))
    : code.helper("perf_event_output", body.context, b.mapRef(RING), b.i64(CURRENT_CPU), start, size);
  const full = code.block("full");
  const sent: Block = code.block("sent");
  code.branch("eq", result, b.i64(0), sent, full, { likely: true });
  code.at(full);
  countLost(body, lost);
  code.jump(sent);
  code.at(sent);
}

function countLost(body: Body, actions: number): void {
  addGlobal(body, body.unit.global("lost"), actions);
}

function fill(body: Body, layout: Layout, base: Value, start: number, index: number): void {
  const { b } = body;
  b.store(4, base, b.i32(index), { offset: start });
  for (const { expression, offset, early } of layout.fields) {
    const to = { ...directPlace(base, start + offset), clean: false };
    if (early === undefined) body.store(expression, to);
    else if ("scalar" in early) b.store(widthOf(expression.type), base, early.scalar, { offset: to.offset });
    else copyValue(body, early.place, expression.type, to);
  }
}
