import type { Expression } from "../ast.ts";
import type { FunctionName } from "../functions.ts";
import type { TypedExpression } from "../typed.ts";
import { bool, int64, none } from "../types.ts";
import { type Call, type CallChecker, typedCall } from "./call-checker.ts";
import { broken, type Elaborator, fail, isBroken } from "./elaborator.ts";
import { mapKey, mapNamed, mapReference } from "./names.ts";
import { declareVariable } from "./variables.ts";
import { grow, type MapSlots } from "./shared.ts";

function slotsOf(on: Elaborator, call: Call, argument: Expression | undefined): MapSlots | undefined {
  if (argument?.kind !== "map") {
    const binding = argument?.kind === "identifier" ? on.scope.binding(argument.name) : undefined;
    const meant = binding?.expression;
    if (binding && meant?.kind === "map") return on.within(binding.scope, () => mapNamed(on, meant));
    fail(on, "argument-type", `${call.name}() needs a map`, argument?.span ?? call.span);
    return undefined;
  }
  return mapNamed(on, argument);
}

function reference(on: Elaborator, slots: MapSlots, call: Call, key?: TypedExpression): TypedExpression {
  const { span } = call.arguments[0]!;
  return { kind: "mapReference", map: mapReference(on, slots), type: none, span, ...(key && { key }) };
}

function known(on: Elaborator, slots: MapSlots, call: Call): boolean {
  if (slots.value.type || slots.assigned) return true;
  fail(
    on,
    "undefined-map",
    `Undefined map '${slots.name}': nothing is ever assigned to it`,
    call.arguments[0]!.span,
  );
  return false;
}

function whole(name: "clear" | "zero"): CallChecker {
  return (on, call) => {
    const [argument] = call.arguments;
    if (argument?.kind === "map" && argument.key)
      return fail(
        on,
        "argument-type",
        `${name}() needs a whole map, without a key`,
        argument.span,
        ...(name === "clear" ? ["Use delete() for one entry."] : []),
      );
    const slots = slotsOf(on, call, argument);
    return slots && known(on, slots, call)
      ? typedCall(name, none, call, [reference(on, slots, call)])
      : broken(call.span);
  };
}

/** `name(@map, key)`, or the older `name(@map[key])`. */
function keyed(name: "delete" | "has_key"): CallChecker {
  return (on, call) => {
    const [argument, keyArgument] = call.arguments;
    const slots = slotsOf(on, call, argument);
    if (!slots || !known(on, slots, call)) return broken(call.span);
    const written = keyArgument ?? (argument?.kind === "map" ? argument.key : undefined);
    if (keyArgument && argument?.kind === "map" && argument.key)
      return fail(
        on,
        "argument-type",
        `${name}() takes the map without a key first: ${name}(${slots.name}, key)`,
        call.span,
      );
    if (name === "delete" && !written && slots.keyed)
      return fail(
        on,
        "map-key",
        `delete() needs a key of '${slots.name}'`,
        call.span,
        `Empty the whole map with clear(${slots.name}).`,
      );
    const key = mapKey(on, slots, written && on.expression(written), call.span);
    if (key === false) return broken(call.span);
    const result = typedCall(name, bool, call, [
      reference(on, slots, call, keyArgument ? undefined : key),
      ...(keyArgument && key ? [key] : []),
    ]);
    return result;
  };
}

export const mapCalls: Partial<Record<FunctionName, CallChecker>> = {
  clear: whole("clear"),
  zero: whole("zero"),
  delete: keyed("delete"),
  has_key: keyed("has_key"),
  find: (on, call) => {
    const [argument, keyArgument, target] = call.arguments;
    const slots = slotsOf(on, call, argument);
    if (!slots || !known(on, slots, call)) return broken(call.span);
    const key = mapKey(on, slots, on.expression(keyArgument!), call.span);
    const type = slots.value.type;
    if (!key || !type) return broken(call.span);
    if (target?.kind !== "variable")
      return fail(on, "argument-type", "find() needs a variable for the value", target!.span);
    const variable = declareVariable(on, target, (slot) => grow(on.round, slot, (known) => known.add(type)));
    if (!variable) return broken(call.span);
    const read: TypedExpression = { kind: "variable", variable, type: variable.type, span: target.span };
    return typedCall("find", bool, call, [reference(on, slots, call), key, read]);
  },
  len: (on, call) => {
    const [argument] = call.arguments;
    if (argument?.kind === "map" && !argument.key) {
      const slots = slotsOf(on, call, argument);
      if (!slots || !known(on, slots, call)) return broken(call.span);
      if (slots.keyed === false)
        return fail(on, "map-key", `'${slots.name}' has no keys to count`, argument.span);
      return typedCall("len", int64, call, [reference(on, slots, call)]);
    }
    const value = on.expression(argument!);
    if (isBroken(value)) return broken(call.span);
    if (value.type.kind !== "kstack" && value.type.kind !== "ustack")
      return fail(on, "argument-type", "len() needs a map or a stack", value.span);
    return typedCall("len", int64, call, [value]);
  },
};
