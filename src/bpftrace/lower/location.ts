import type { Value } from "../../ir/index.ts";
import { probeRows } from "../probes.ts";
import type { TypedExpression } from "../typed.ts";
import { type AddressSpace, sizeOf, tupleLayout, type TupleType, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import { directPlace, type Place } from "./memory.ts";
import { isScalar } from "./value-form.ts";
import { isKeptClean } from "./copy.ts";
import { COMM } from "./facts.ts";
import { mapPlace } from "./map-access.ts";
import { elementPlace, fieldAddress, memberPlace, pointee, readMemory } from "./place.ts";
import { extend } from "./scalar-form.ts";

/** Where a value lies that does not fit a register. What lies nowhere is written to a temporary. */
export function lowerLocation(body: Body, expression: TypedExpression): Place {
  switch (expression.kind) {
    case "variable": {
      const pair = body.pairs.get(expression.variable);
      if (pair !== undefined) return joinPair(body, expression.type, pair);
      const home = body.homes.get(expression.variable);
      if (home === undefined) throw new TypeError(`${expression.variable.name} is in a register`);
      return home;
    }
    case "map":
      return mapPlace(body, expression.map, expression.key);
    case "builtin":
      if (expression.name === "args" || expression.name === "ctx")
        return { base: body.context, offset: 0, space: "context" };
      return expression.name === "comm" ? currentComm(body, expression) : materialize(body, expression);
    case "field": {
      const { operand, field } = expression;
      if (operand.type.kind !== "record") throw new TypeError(`a ${operand.type.kind} has no fields`);
      return memberPlace(body, body.locate(operand), operand.type, field);
    }
    case "dereference":
      return dereferenced(body, expression.operand);
    case "element":
      return element(body, expression.operand, expression.index);
    case "tupleField": {
      const { type } = expression.operand;
      if (type.kind !== "tuple") throw new TypeError(`a ${type.kind} has no members`);
      const pair = expression.operand.kind === "variable" && body.pairs.get(expression.operand.variable);
      if (pair) return pair[expression.index === 0 ? 0 : 1];
      const place = body.locate(expression.operand);
      return { ...place, offset: place.offset + tupleOffset(type, expression.index) };
    }
    case "cast":
      // Integers and arrays have the same bytes.
      if (expression.type.kind !== "string" && !isScalar(expression.operand.type))
        return body.locate(expression.operand);
      return materialize(body, expression);
    case "blockValue":
      body.block(expression.block);
      return body.locate(expression.value);
    default:
      return materialize(body, expression);
  }
}

/** The task's name, asked for once where it is compared more than once. */
function currentComm(body: Body, expression: TypedExpression): Place {
  const size = sizeOf(expression.type);
  if (!body.fitsStack(size)) return materialize(body, expression);
  const base = body.once(COMM, () => {
    const place = body.permanent(size, 8, COMM);
    body.store(expression, { ...place, clean: true });
    return place.base;
  });
  return directPlace(base);
}

/** The whole tuple of a loop over a map, put together. */
function joinPair(body: Body, type: Type, pair: readonly [key: Place, value: Place]): Place {
  if (type.kind !== "tuple") throw new TypeError("a pair is a tuple");
  const whole = body.temporary(sizeOf(type), 8, "pair");
  pair.forEach((from, index) => {
    const size = sizeOf(type.fields[index]!.type);
    readMemory(body, from, { base: whole.base, offset: whole.offset + tupleOffset(type, index) }, size);
  });
  return whole;
}

function materialize(body: Body, expression: TypedExpression): Place {
  const place = body.temporary(sizeOf(expression.type), 8, expression.kind);
  body.store(expression, { ...place, clean: place.base.op === "alloca" || isKeptClean(expression.type) });
  return place;
}

/** What the pointer expression points to. */
function dereferenced(body: Body, pointer: TypedExpression): Place {
  if (pointer.type.kind !== "pointer") throw new TypeError(`cannot dereference a ${pointer.type.kind}`);
  const { target, space } = pointer.type;
  return pointee(body.scalar(pointer), target, readingSpace(body, space));
}

/** How memory of an address space is read in this program. */
export function readingSpace(body: Body, space: AddressSpace): Place["space"] {
  if (space !== "unknown") return space;
  return probeRows.find((row) => row.kind === body.probe.kind)?.space ?? "kernel";
}

function element(body: Body, array: TypedExpression, index: TypedExpression): Place {
  const { type } = array;
  if (type.kind === "pointer") return elementBehind(body, array, index);
  const size = type.kind === "array" ? sizeOf(type.element) : 1;
  const place = body.locate(array);
  if (index.kind === "integer") return elementPlace(place, Number(index.value), size);
  return elementAt(body, place, index, size, sizeOf(type));
}

function elementBehind(body: Body, pointer: TypedExpression, index: TypedExpression): Place {
  if (pointer.type.kind !== "pointer") throw new TypeError("no pointer");
  const place = dereferenced(body, pointer);
  const size = Math.max(sizeOf(pointer.type.target), 1);
  if (index.kind === "integer") return { ...place, offset: place.offset + Number(index.value) * size };
  const base = body.b.add(place.base, scaled(body, index, size));
  return { ...place, base };
}

/** An element whose index is known only when the program runs. */
function elementAt(body: Body, array: Place, index: TypedExpression, size: number, whole: number): Place {
  const { b, code } = body;
  if (array.space === "kernel" || array.space === "user") {
    const { typed } = body;
    const base = typed.has(array.base) ? copyToTemporary(body, array, whole) : undefined;
    if (base === undefined)
      return {
        base: b.add(fieldAddress(body, array), scaled(body, index, size)),
        offset: 0,
        space: array.space,
      };
    return elementAt(body, base, index, size, whole);
  }
  const memory = array.space === "context" ? copyToTemporary(body, array, whole) : array;
  // Memory of the program: the verifier wants to see that the index is inside.
  const count = Math.max(Math.floor(whole / size), 1);
  const number = extend(body, body.scalar(index), index.type);
  const inside = code.block("inside");
  const end = code.block("index");
  const from = b.current;
  code.branch("ult", number, b.i64(count), inside, end, { likely: true });
  code.at(inside);
  code.jump(end);
  code.at(end);
  const bounded = code.phi([
    [from, b.i64(0)],
    [inside, number],
  ]);
  const distance = size === 1 ? bounded : b.mul(bounded, b.i64(size));
  return directPlace(b.add(fieldAddress(body, memory), distance));
}

function copyToTemporary(body: Body, from: Place, size: number): Place {
  const to = body.temporary(size, 8, "array");
  readMemory(body, from, to, size);
  return to;
}

function scaled(body: Body, index: TypedExpression, size: number): Value {
  const number = extend(body, body.scalar(index), index.type);
  return size === 1 ? number : body.b.mul(number, body.b.i64(size));
}

function tupleOffset(type: TupleType, index: number): number {
  const offset = tupleLayout(type).offsets[index];
  if (offset === undefined) throw new RangeError(`a tuple has no member ${index}`);
  return offset;
}
