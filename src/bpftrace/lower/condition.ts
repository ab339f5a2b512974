import type { Block } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import type { Type } from "../types.ts";
import type { Body } from "./body.ts";
import { isScalar } from "./value-form.ts";
import { compareMemory } from "./comparison.ts";
import { searchText } from "./text-search.ts";
import { copyValue } from "./copy.ts";
import { directPlace, type Place } from "./memory.ts";
import type { Knowledge } from "./facts.ts";
import { lookUp, mapPlace, presentFact } from "./map-access.ts";
import { loadScalar } from "./place.ts";
import { comparisonPredicate, sameWidth } from "./scalar-form.ts";

type Call = TypedExpression & { readonly kind: "call" };

/** Goes on in one of two blocks; yields what is known in the first. */
export function lowerTest(
  body: Body,
  expression: TypedExpression,
  whenTrue: Block,
  whenFalse: Block,
): Knowledge {
  const { code, facts } = body;
  switch (expression.kind) {
    case "integer":
      code.jump(expression.value === 0n ? whenFalse : whenTrue);
      return facts.knowledge;
    case "not":
      body.test(expression.operand, whenFalse, whenTrue);
      return facts.knowledge;
    case "logical": {
      const next = code.block(expression.operator === "&&" ? "and" : "or");
      const { left, right } = expression;
      if (expression.operator === "||") {
        body.test(left, whenTrue, next);
        code.at(next);
        facts.within(() => body.test(right, whenTrue, whenFalse));
        return facts.knowledge;
      }
      const known = body.test(left, next, whenFalse);
      code.at(next);
      return facts.within(() => body.test(right, whenTrue, whenFalse), known);
    }
    case "comparison": {
      const { left, right, operator } = expression;
      if (!isScalar(left.type)) {
        compareMemory(body, left, right, operator === "==", whenTrue, whenFalse);
        return facts.knowledge;
      }
      const first = body.scalar(left);
      const second = sameWidth(body, body.scalar(right), first);
      code.branch(comparisonPredicate(operator, left.type), first, second, whenTrue, whenFalse);
      return facts.knowledge;
    }
    case "cast":
      if (expression.type.kind === "bool" && isScalar(expression.operand.type))
        return body.test(expression.operand, whenTrue, whenFalse);
      break;
    case "map":
      return testElement(body, expression, whenTrue, whenFalse);
    case "call":
      return testCall(body, expression, whenTrue, whenFalse);
    default:
  }
  testValue(body, expression, whenTrue, whenFalse);
  return facts.knowledge;
}

function testCall(body: Body, call: Call, whenTrue: Block, whenFalse: Block): Knowledge {
  switch (call.name) {
    case "has_key":
      return testKey(body, call, whenTrue, whenFalse);
    case "find":
      return testFind(body, call, whenTrue, whenFalse);
    case "strcontains": {
      const [haystack, needle] = call.arguments;
      if (haystack && needle) searchText(body, haystack, needle, whenTrue, whenFalse);
      return body.facts.knowledge;
    }
    default:
      testValue(body, call, whenTrue, whenFalse);
      return body.facts.knowledge;
  }
}

function testValue(body: Body, expression: TypedExpression, whenTrue: Block, whenFalse: Block): void {
  const value = isScalar(expression.type)
    ? body.scalar(expression)
    : loadScalar(body, body.locate(expression), FIRST_BYTE);
  branchOn(body, value, whenTrue, whenFalse);
}

/** A string is true when it is not empty. */
const FIRST_BYTE: Type = { kind: "int", size: 1, signed: false };

function branchOn(body: Body, value: ReturnType<Body["scalar"]>, whenTrue: Block, whenFalse: Block): void {
  const zero = value.type === "i32" ? body.b.i32(0) : body.b.i64(0);
  body.code.branch("ne", value, zero, whenTrue, whenFalse);
}

/** `if (@map[key])`: present and not 0. */
function testElement(
  body: Body,
  expression: TypedExpression & { readonly kind: "map" },
  whenTrue: Block,
  whenFalse: Block,
): Knowledge {
  const { map, key, type } = expression;
  const place = mapPlace(body, map, key);
  const scalar = isScalar(type) ? type : FIRST_BYTE;
  const present = place.nullable ? requirePresent(body, place, whenFalse) : place;
  return body.facts.within(() => {
    if (place.nullable) body.facts.set(presentFact(place.base), place.base);
    branchOn(body, loadScalar(body, present, scalar), whenTrue, whenFalse);
    return body.facts.knowledge;
  });
}

function requirePresent(body: Body, place: Place, otherwise: Block): Place {
  const present = body.code.block("present");
  body.code.branch("ne", place.base, body.b.null(), present, otherwise);
  body.code.at(present);
  return { base: place.base, offset: place.offset, space: place.space };
}

/** `has_key(@map, key)` */
function testKey(body: Body, expression: Call, whenTrue: Block, whenFalse: Block): Knowledge {
  const [reference, separate] = expression.arguments;
  if (reference?.kind !== "mapReference") throw new TypeError("has_key takes a map");
  const pointer = lookUp(body, reference.map, separate ?? reference.key);
  body.code.branch("ne", pointer, body.b.null(), whenTrue, whenFalse);
  return body.facts.within(() => {
    body.facts.set(presentFact(pointer), pointer);
    return body.facts.knowledge;
  });
}

/** `find(@map, key, $variable)`: the variable changes only where the key is there. */
function testFind(body: Body, call: Call, whenTrue: Block, whenFalse: Block): Knowledge {
  const { code, facts } = body;
  const [reference, key, target] = call.arguments;
  if (reference?.kind !== "mapReference" || target?.kind !== "variable")
    throw new TypeError("find takes a map, a key and a variable");
  const { variable } = target;
  const pointer = lookUp(body, reference.map, key ?? reference.key);
  const found = code.block("found");
  code.branch("ne", pointer, body.b.null(), found, whenFalse);
  code.at(found);
  const from = directPlace(pointer);
  const home = body.homes.get(variable);
  if (home !== undefined) copyValue(body, from, variable.type, { ...home, clean: false });
  else code.write(variable, loadScalar(body, from, variable.type));
  code.jump(whenTrue);
  return facts.within(() => {
    facts.set(presentFact(pointer), pointer);
    return facts.knowledge;
  });
}
