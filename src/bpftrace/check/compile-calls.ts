import type { FunctionName } from "../functions.ts";
import { readInteger } from "../literals.ts";
import { literalType } from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf, type Type, uint64, uint8 } from "../types.ts";
import { type Call, type CallChecker, textArgument } from "./call-checker.ts";
import { broken, type Elaborator, fail, integer, isBroken, literal, nothing, truth } from "./elaborator.ts";
import { constantTruth } from "./operators.ts";

function about(test: (expression: TypedExpression, type: Type) => boolean): CallChecker {
  return (on, call) => {
    const argument = on.expression(call.arguments[0]!);
    return isBroken(argument) ? broken(call.span) : truth(test(argument, argument.type), call.span);
  };
}

/** `getopt("name", default)`: the default's type is the option's. */
function getopt(on: Elaborator, call: Call): TypedExpression {
  const { span } = call;
  const name = textArgument(on, call, 0);
  if (!name) return broken(span);
  const given = on.shared.options.named?.[name.value];
  const fallback = call.arguments[1] ? on.expression(call.arguments[1]) : truth(false, span);
  if (given === undefined) return fallback;
  if (fallback.kind === "string") return literal(given, span);
  const bad = (what: string): TypedExpression =>
    fail(on, "bad-option", `The option --${name.value} needs ${what}, not '${given}'`, span);
  if (fallback.type.kind === "bool") {
    if (["", "true", "1"].includes(given.toLowerCase())) return truth(true, span);
    return ["false", "0"].includes(given.toLowerCase()) ? truth(false, span) : bad("true or false");
  }
  const read = readInteger(given.replace(/^-/, ""));
  if (typeof read === "string") return bad("a number");
  const value = given.startsWith("-") ? -read.value : read.value;
  return integer(value, literalType(value), span);
}

/** Bytes of an address, as an array of them. */
function pton(on: Elaborator, call: Call): TypedExpression {
  const text = textArgument(on, call, 0);
  if (!text) return broken(call.span);
  // Not imported: it brings streams along, and few scripts have addresses.
  const { isIPv4, isIPv6 } = process.getBuiltinModule("node:net");
  const bytes = isIPv4(text.value)
    ? text.value.split(".").map(Number)
    : isIPv6(text.value)
      ? bytesOfIPv6(text.value)
      : undefined;
  if (!bytes) return fail(on, "bad-address", `'${text.value}' is no IP address`, text.span);
  const array: Type = { kind: "array", element: uint8, length: bytes.length, space: "kernel" };
  if (bytes.length > 8)
    return fail(on, "not-yet", "pton() of IPv6 addresses is not supported yet", call.span);
  const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const number = integer(value, { kind: "int", size: 4, signed: false }, call.span);
  return { kind: "cast", operand: number, type: array, span: call.span };
}

function hexWords(part: string | undefined): string[] {
  return part ? part.split(":") : [];
}

function bytesOfIPv6(text: string): number[] {
  const [head, tail] = text.split("::");
  const left = hexWords(head);
  const right = hexWords(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].flatMap((word) => {
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 0xff];
  });
}

export const compileCalls: Partial<Record<FunctionName, CallChecker>> = {
  is_ptr: about((_, type) => type.kind === "pointer"),
  is_str: about((_, type) => type.kind === "string"),
  is_array: about((_, type) => type.kind === "array"),
  is_integer: about((_, type) => type.kind === "int"),
  is_unsigned_integer: about((_, type) => type.kind === "int" && !type.signed),
  is_literal: about((expression) => expression.kind === "integer" || expression.kind === "string"),
  getopt,
  pton,
  cgroupid: (on, call) => {
    const path = textArgument(on, call, 0);
    if (!path) return broken(call.span);
    const id = on.shared.world.cgroupId(path.value);
    if (id === undefined) return fail(on, "no-such-cgroup", `There is no cgroup '${path.value}'`, path.span);
    return integer(id, uint64, call.span);
  },
  kfunc_exist: (on, call) => {
    const name = textArgument(on, call, 0);
    return name
      ? truth(on.shared.world.btf?.find("func", name.value) !== undefined, call.span)
      : broken(call.span);
  },
  strcap: (on, call) => {
    const argument = on.expression(call.arguments[0]!);
    return isBroken(argument) ? broken(call.span) : integer(BigInt(sizeOf(argument.type)), uint64, call.span);
  },
  static_assert: (on, call) => {
    const message = textArgument(on, call, 1);
    const known = constantTruth(on.expression(call.arguments[0]!));
    if (!message) return broken(call.span);
    if (known === undefined)
      return fail(
        on,
        "not-literal",
        "static_assert() needs a condition that is known when the script is compiled",
        call.span,
      );
    return known ? nothing(call.span) : fail(on, "static-assert", message.value, call.span);
  },
  fail: (on, call) => {
    const format = textArgument(on, call, 0);
    if (!format) return broken(call.span);
    const args = call.arguments.slice(1).map((argument) => on.expression(argument));
    let index = 0;
    const text = format.value.replace(/%[a-zA-Z%]/g, (conversion) => {
      const argument = conversion === "%%" ? undefined : args[index++];
      if (argument?.kind === "integer" || argument?.kind === "string") return `${argument.value}`;
      return conversion === "%%" ? "%" : "?";
    });
    return fail(on, "failed", text, call.span);
  },
};
