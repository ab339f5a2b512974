import type { FunctionName } from "../functions.ts";
import { bool, int64, int8, isAggregate, none, pointerTo } from "../types.ts";
import {
  type Call,
  type CallChecker,
  constantArgument,
  numberArgument,
  textArgument,
  typedCall,
  wrongType,
} from "./call-checker.ts";
import { condition, convert } from "./convert.ts";
import { broken, type Elaborator, fail, integer, isBroken, literal, nothing } from "./elaborator.ts";
import { checkFormat } from "./format-string.ts";
import { mapKey, mapNamed, mapReference } from "./names.ts";

function formatted(name: FunctionName): CallChecker {
  return (on, call) => {
    const format = textArgument(on, call, 0);
    const given = call.arguments.slice(1).map((argument) => on.expression(argument));
    if (!format) return broken(call.span);
    const args = checkFormat(on, name, format, given);
    return args ? typedCall(name, none, call, [format, ...args]) : broken(call.span);
  };
}

const defaultTime = "%H:%M:%S\n";

function print(on: Elaborator, call: Call): ReturnType<CallChecker> {
  const [first] = call.arguments;
  const numbers = call.arguments.slice(1).map((_, index) => constantArgument(on, call, index + 1));
  if (numbers.includes(undefined)) return broken(call.span);
  const limits = numbers.map((value, index) => integer(value!, int64, call.arguments[index + 1]!.span));
  if (first?.kind === "map") {
    const slots = mapNamed(on, first);
    if (!slots) return broken(call.span);
    if (!slots.value.type && !slots.assigned)
      return fail(
        on,
        "undefined-map",
        `Undefined map '${first.name}': nothing is ever assigned to it`,
        first.span,
      );
    if (!first.key)
      return typedCall("print", none, call, [
        { kind: "mapReference", map: mapReference(on, slots), type: none, span: first.span },
        ...limits,
      ]);
    const key = mapKey(on, slots, on.expression(first.key), first.span);
    if (key === false || !key) return broken(call.span);
    // An element may be gone when the record is read: aggregates are read then, plain values now.
    if (slots.value.type && isAggregate(slots.value.type))
      return typedCall("print", none, call, [
        { kind: "mapReference", map: mapReference(on, slots), key, type: none, span: first.span },
        ...limits,
      ]);
  }
  if (limits.length > 0 && first?.kind !== "map")
    return fail(on, "argument-count", "print() takes top and divisor for maps only", call.span);
  const value = on.expression(first!);
  if (isBroken(value)) return broken(call.span);
  if (value.type.kind === "none" || value.type.kind === "void") return wrongType(on, call, value, "a value");
  return typedCall("print", none, call, [value, ...limits]);
}

export const outputCalls: Partial<Record<FunctionName, CallChecker>> = {
  printf: formatted("printf"),
  errorf: formatted("errorf"),
  warnf: formatted("warnf"),
  cat: formatted("cat"),
  system: formatted("system"),
  debugf: formatted("debugf"),
  print,
  time: (on, call) => {
    const format = call.arguments.length === 0 ? literal(defaultTime, call.span) : textArgument(on, call, 0);
    return format ? typedCall("time", none, call, [format]) : broken(call.span);
  },
  join: (on, call) => {
    const array = on.expression(call.arguments[0]!);
    const separator = call.arguments.length > 1 ? textArgument(on, call, 1) : literal(" ", call.span);
    if (!separator || isBroken(array)) return broken(call.span);
    const space = on.instance.row.space;
    const words = pointerTo(pointerTo(int8, space), space);
    const { type } = array;
    if (type.kind === "int")
      return typedCall("join", none, call, [
        { kind: "cast", operand: array, type: words, span: array.span },
        separator,
      ]);
    if (type.kind !== "pointer" && type.kind !== "array")
      return wrongType(on, call, array, "an array of strings");
    return typedCall("join", none, call, [array, separator]);
  },
  exit: (on, call) => {
    if (call.arguments.length === 0) return typedCall("exit", none, call, []);
    const code = numberArgument(on, call, 0);
    return typedCall("exit", none, call, [convert(code, int64)]);
  },
  assert: (on, call) => {
    const test = condition(on, on.expression(call.arguments[0]!));
    const message = textArgument(on, call, 1);
    if (!message || isBroken(test)) return broken(call.span);
    const { span } = call;
    const say = typedCall("errorf", none, call, [literal("%s", span), message]);
    const leave = typedCall("exit", none, call, [integer(1n, int64, span)]);
    const failed = {
      kind: "block",
      statements: [say, leave].map((expression) => ({ kind: "expression", expression, span }) as const),
      span,
    } as const;
    const check = {
      kind: "if",
      condition: { kind: "not", operand: test, type: bool, span },
      then: failed,
      span,
    } as const;
    return {
      kind: "blockValue",
      block: { kind: "block", statements: [check], span },
      value: nothing(span),
      type: none,
      span,
    };
  },
};
