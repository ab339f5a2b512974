import type { Span } from "../../diagnostic.ts";
import type { Expression } from "../ast.ts";
import { builtinRows, findBuiltin, type BuiltinRow } from "../builtins.ts";
import { headerConstants } from "../constants.ts";
import { didYouMean } from "../findings.ts";
import { functionRows } from "../functions.ts";
import { readInteger } from "../literals.ts";
import { literalType } from "../type-relations.ts";
import type { CheckedMap, LocalVariable, TypedExpression } from "../typed.ts";
import { int64, ksym, pointerTo, stringOf, type Type, uint8, usym } from "../types.ts";
import { convert } from "./convert.ts";
import { instanceName } from "./probe-instances.ts";
import { broken, type Elaborator, fail, integer, isBroken, literal, truth } from "./elaborator.ts";
import { isLiteral } from "./convert.ts";
import { checkedMap, grow, type MapSlots, mapSlots } from "./shared.ts";

type Of<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

export function variable(on: Elaborator, expression: Of<"variable">): TypedExpression {
  const { name, span } = expression;
  const found = on.scope.find(name);
  if (!found) {
    const binding = on.scope.binding(name);
    if (binding)
      return fail(on, "bad-argument", `The macro needs a variable for ${name}`, binding.expression.span);
    return fail(
      on,
      "undefined-variable",
      `Undefined variable '${name}'`,
      span,
      "Assign to it before, in this block or one around it.",
    );
  }
  markUsed(on, found.local);
  // What was assigned to it could not be typed.
  if (found.local.type.kind === "none") return broken(span);
  return { kind: "variable", variable: found.local, type: found.local.type, span };
}

/** A loop over a map takes along what its body uses from outside. */
export function markUsed(on: Elaborator, local: LocalVariable): void {
  const depth = declarationDepth.get(local) ?? 0;
  for (const loop of on.mapLoops.slice(depth)) loop.captured.add(local);
}

/** Number of loops over maps around each variable's declaration. */
const declarationDepth = new WeakMap<LocalVariable, number>();
export function noteDepth(local: LocalVariable, depth: number): void {
  declarationDepth.set(local, depth);
}

/** A map's name, seen through the parameters of macros. */
export function mapNamed(on: Elaborator, expression: Of<"map">): MapSlots | undefined {
  const binding = on.scope.binding(expression.name);
  if (binding) {
    const { expression: argument, scope } = binding;
    if (argument.kind !== "map" || argument.key) {
      on.findings.error("bad-argument", `The macro needs a map for ${expression.name}`, argument.span);
      return undefined;
    }
    return on.within(scope, () => mapNamed(on, argument));
  }
  if (on.scope.insideMacro) {
    on.findings.error(
      "unhygienic-macro",
      `A macro sees only the maps that it is given, not '${expression.name}'`,
      expression.span,
      "Make the map a parameter of the macro.",
    );
    return undefined;
  }
  return mapSlots(on.shared, expression.name, expression.span);
}

/** Notes whether the map has keys, and the key's type. Yields the key as the map's key type. */
export function mapKey(
  on: Elaborator,
  slots: MapSlots,
  key: TypedExpression | undefined,
  span: Span,
): TypedExpression | undefined | false {
  const keyed = key !== undefined;
  if (slots.keyed === undefined) {
    slots.keyed = keyed;
    on.round.changed = true;
  } else if (slots.keyed !== keyed) {
    fail(
      on,
      "map-key",
      keyed
        ? `'${slots.name}' is used without a key elsewhere`
        : `'${slots.name}' needs a key: it has one elsewhere`,
      span,
    );
    return false;
  }
  if (!key) return undefined;
  if (isBroken(key)) return false;
  const fine = grow(on.round, slots.key, (slot) =>
    isLiteral(key) ? slot.addLiteral(key.value) : slot.add(key.type),
  );
  const type = slots.key.type;
  if (!fine || !type) {
    fail(on, "map-key", `The key does not fit the other keys of '${slots.name}'`, key.span);
    return false;
  }
  return convert(key, type);
}

/** The value at a key. */
export function map(on: Elaborator, expression: Of<"map">): TypedExpression {
  const { span } = expression;
  const slots = mapNamed(on, expression);
  const key = expression.key && on.expression(expression.key);
  if (!slots) return broken(span);
  const converted = mapKey(on, slots, key, span);
  if (converted === false) return broken(span);
  const type = slots.value.type;
  if (!type) {
    if (slots.assigned) return broken(span);
    return fail(on, "undefined-map", `Undefined map '${slots.name}': nothing is ever assigned to it`, span);
  }
  return { kind: "map", map: checkedMap(on.round, slots), type, span, ...(converted && { key: converted }) };
}

export function mapReference(on: Elaborator, slots: MapSlots): CheckedMap {
  return checkedMap(on.round, slots);
}

/** `$1`, `$#`. What was not given is 0. */
export function positional(on: Elaborator, expression: Of<"positional">): TypedExpression {
  const { index, span } = expression;
  const { positional: given } = on.shared.options;
  if (index === 0) return integer(BigInt(given.length), int64, span);
  const text = given[index - 1] ?? "0";
  const negative = text.startsWith("-");
  const read = readInteger(negative ? text.slice(1) : text);
  if (typeof read === "string") return literal(text, span);
  const value = negative ? -read.value : read.value;
  return integer(value, literalType(value), span);
}

/** Names that stand for a value: builtins, constants, enumerators. */
export function identifier(on: Elaborator, expression: Of<"identifier">): TypedExpression {
  const { name, span } = expression;
  const define = on.shared.defines.get(name);
  if (define) return on.expression(define);
  const row = findBuiltin(name);
  if (row) return builtin(on, row, name, span);
  const enumerator = on.shared.types.enumerator(name);
  if (enumerator) return integer(enumerator.value, enumerator.type, span);
  const constant = headerConstants.get(name);
  if (constant !== undefined) return integer(constant, literalType(constant), span);
  const candidates = [...builtinRows, ...functionRows].map((candidate) => candidate.name);
  return fail(on, "unknown-name", `Unknown name '${name}'`, span, ...didYouMean(name, candidates));
}

export function builtin(on: Elaborator, row: BuiltinRow, name: string, span: Span): TypedExpression {
  const { instance } = on;
  const probe = instance.row;
  if (row.allowed && !row.allowed(probe)) {
    const hint = row.name === "argN" || row.name === "args" ? argumentHints[probe.args] : undefined;
    return fail(
      on,
      "builtin-not-here",
      `'${name}' is not available in ${probe.kind} probes`,
      span,
      ...(hint ? [hint] : []),
    );
  }
  if (row.status === "later") return fail(on, "not-yet", `'${name}' is not supported yet`, span);
  switch (row.name) {
    case "config":
      return settingsRecord(on, span);
    case "usermode":
      // What a hook interrupts is known, but for timers and counters.
      if (perfKinds.has(probe.kind)) break;
      return integer(
        probe.space === "user" || (probe.args === "none" && !probe.registers) ? 1n : 0n,
        uint8,
        span,
      );
    case "probetype":
      return literal(["begin", "end", "self"].includes(probe.kind) ? "special" : probe.kind, span);
    case "has_cpid":
      return truth(on.shared.options.child === true, span);
    case "args":
      return instance.args
        ? { kind: "builtin", name: "args", type: instance.args, span }
        : fail(
            on,
            "builtin-not-here",
            `The arguments of '${instanceName(instance)}' are not known here`,
            span,
          );
    case "argN":
      return argument(on, Number(name.slice(3)), span);
    case "ppid":
      return taskField(on, ["real_parent", "tgid"], span);
    case "pcomm":
      return taskField(on, ["real_parent", "comm"], span);
    case "leader_tid":
      return taskField(on, ["group_leader", "pid"], span);
    case "leader_comm":
      return taskField(on, ["group_leader", "comm"], span);
    default:
  }
  return { kind: "builtin", name: row.name, type: row.type ?? contextType(on, row), span };
}

const perfKinds: ReadonlySet<string> = new Set(["profile", "interval", "software", "hardware"]);

/** `config`: what the settings are, by the names they have in scripts. */
function settingsRecord({ shared: { settings } }: Elaborator, span: Span): TypedExpression {
  const entries: readonly (readonly [string, TypedExpression])[] = [
    ["license", literal(settings.license, span)],
    ["max_cat_bytes", integer(BigInt(settings.maxCatBytes), int64, span)],
    ["max_map_keys", integer(BigInt(settings.maxMapKeys), int64, span)],
    ["max_probes", integer(BigInt(settings.maxProbes), int64, span)],
    ["max_strlen", integer(BigInt(settings.maxStringLength), int64, span)],
    ["missing_probes", literal(settings.missingProbes, span)],
    ["print_maps_on_exit", truth(settings.printMapsOnExit, span)],
    ["stack_mode", literal(settings.stackMode, span)],
    ["str_trunc_trailer", literal(settings.stringTrailer, span)],
    ["cpp_demangle", truth(settings.demangle, span)],
  ];
  const fields = entries.map(([name, { type }]) => ({ name, type }));
  return {
    kind: "tuple",
    elements: entries.map(([, value]) => value),
    type: { kind: "tuple", fields },
    span,
  };
}

const argumentHints: Readonly<Record<string, string>> = {
  tracepoint: "Tracepoints have their arguments in args: args.FIELD",
  parameters: "The arguments are in args: args.NAME",
};

function argument(on: Elaborator, index: number, span: Span): TypedExpression {
  const { args, row } = on.instance;
  if (args?.origin.kind === "parameters") {
    const parameter = args.origin.fields[index];
    if (!parameter)
      return fail(
        on,
        "builtin-not-here",
        `'${instanceName(on.instance)}' has ${args.origin.fields.length} arguments only`,
        span,
      );
    const operand: TypedExpression = { kind: "builtin", name: "args", type: args, span };
    return { kind: "field", operand, field: parameter, type: parameter.type, span };
  }
  return { kind: "builtin", name: "argN", index, type: row.kind === "usdt" ? int64 : int64, span };
}

function contextType(on: Elaborator, row: BuiltinRow): Type {
  const { instance, shared } = on;
  switch (row.name) {
    case "curtask": {
      const task = shared.types.record("task_struct", "kernel");
      return task ? pointerTo(task, "kernel") : { kind: "int", size: 8, signed: false };
    }
    case "retval":
      return instance.result;
    case "func":
      return instance.row.space === "user" ? usym : ksym;
    case "probe":
      return stringOf(Math.max(...instance.targets.map(({ name }) => Buffer.byteLength(name)), 0) + 1);
    case "ctx":
      return pointerTo({ kind: "int", size: 8, signed: false }, "context");
    default:
      return int64;
  }
}

/** A walk from the current task. */
export function taskField(
  on: Elaborator,
  path: readonly string[],
  span: Span,
  task?: Expression,
): TypedExpression {
  let expression: Expression = task ?? { kind: "identifier", name: "curtask", span };
  for (const field of path)
    expression = { kind: "field", operand: expression, arrow: true, field, fieldSpan: span, span };
  return on.expression(expression);
}
