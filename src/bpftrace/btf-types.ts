import {
  type AddressSpace,
  type IntType,
  pointerTo,
  type RecordField,
  type RecordType,
  sizeOf,
  stringOf,
  type Type,
  bool,
  voidType,
} from "./types.ts";
import type { BtfMember, BtfType, BtfView } from "./world.ts";

/** A BTF type as the language sees it; memory of the type is read in `space`. */
export function typeFromBtf(btf: BtfView, id: number, space: AddressSpace): Type {
  const type = btf.type(id);
  switch (type.kind) {
    case "modifier":
    case "typedef":
      return typeFromBtf(btf, type.target, space);
    case "int":
      return type.bool ? bool : intType(type.size, type.signed);
    case "enum":
      return {
        kind: "enum",
        name: type.name,
        size: registerSize(type.size),
        signed: type.signed,
        origin: { kind: "btf", btf, id },
      };
    case "pointer":
      return pointerTo(pointedType(btf, type.target, space), pointerSpace(btf, type.target, space));
    case "array": {
      const element = typeFromBtf(btf, type.element, space);
      return isCharacter(btf, type.element) && type.length > 0
        ? stringOf(type.length)
        : { kind: "array", element, length: type.length, space };
    }
    case "struct":
    case "union":
      return recordType(btf, id, type, space);
    default:
      return voidType;
  }
}

/** What a pointer points to: of deeper types only the kind matters until they are read themselves. */
function pointedType(btf: BtfView, id: number, space: AddressSpace): Type {
  const type = btf.type(id);
  if (type.kind === "modifier" || type.kind === "typedef") return pointedType(btf, type.target, space);
  return typeFromBtf(btf, id, pointerSpace(btf, id, space));
}

/** `__user` is a type tag between pointer and target, where the compiler kept it. */
function pointerSpace(btf: BtfView, target: number, space: AddressSpace): AddressSpace {
  let type = btf.type(target);
  while (type.kind === "modifier") {
    if (type.tag === "user") return "user";
    type = btf.type(type.target);
  }
  // A pointer that the context holds points out of it.
  return space === "context" ? "kernel" : space;
}

function recordType(
  btf: BtfView,
  id: number,
  type: BtfType & { readonly kind: "struct" | "union" },
  space: AddressSpace,
): RecordType {
  const { name, size } = type;
  return {
    kind: "record",
    name,
    union: type.kind === "union",
    size,
    origin: { kind: "btf", btf, id },
    space,
  };
}

function isCharacter(btf: BtfView, id: number): boolean {
  const type = btf.type(id);
  if (type.kind === "modifier" || type.kind === "typedef") return isCharacter(btf, type.target);
  return type.kind === "int" && type.size === 1 && (type.char || type.signed) && !type.bool;
}

function intType(size: number, signed: boolean): Type {
  if (size > 8)
    return {
      kind: "array",
      element: { kind: "int", size: 8, signed: false },
      length: size / 8,
      space: "kernel",
    };
  return { kind: "int", size: registerSize(size), signed };
}

function registerSize(size: number): IntType["size"] {
  return size === 1 || size === 2 || size === 4 ? size : 8;
}

/** Every field that a script can name, in memory order. */
export function btfFields(btf: BtfView, id: number, space: AddressSpace): readonly RecordField[] {
  const fields: RecordField[] = [];
  addFields(btf, id, space, { path: [], bits: 0 }, fields);
  return fields;
}

/** The field of that name alone: some records have hundreds. */
export function btfField(
  btf: BtfView,
  id: number,
  space: AddressSpace,
  name: string,
): RecordField | undefined {
  const fields: RecordField[] = [];
  addFields(btf, id, space, { path: [], bits: 0 }, fields, name);
  return fields[0];
}

interface Prefix {
  readonly path: readonly number[];
  /** Bits from the start of the outermost record. */
  readonly bits: number;
}

function addFields(
  btf: BtfView,
  id: number,
  space: AddressSpace,
  prefix: Prefix,
  fields: RecordField[],
  only?: string,
): void {
  const type = btf.type(id);
  if (type.kind === "modifier" || type.kind === "typedef")
    return addFields(btf, type.target, space, prefix, fields, only);
  if (type.kind !== "struct" && type.kind !== "union") return;
  type.members.forEach((member, index) => {
    const path = [...prefix.path, index];
    const bits = prefix.bits + member.bitOffset;
    if (member.name === "") addFields(btf, member.type, space, { path, bits }, fields, only);
    else if (only === undefined || member.name === only)
      fields.push(fieldOfMember(btf, member, space, path, bits));
  });
}

function fieldOfMember(
  btf: BtfView,
  member: BtfMember,
  space: AddressSpace,
  path: readonly number[],
  bitOffset: number,
): RecordField {
  const type = typeFromBtf(btf, member.type, space);
  if (member.bitWidth === 0) return { name: member.name, type, offset: bitOffset / 8, path };
  // The aligned integer of the declared type that holds the bits, as compilers choose it.
  const size = sizeOf(type);
  const offset = Math.floor(bitOffset / (size * 8)) * size;
  const bits = { offset: bitOffset - offset * 8, width: member.bitWidth };
  return { name: member.name, type, offset, path, bits };
}

/** Arguments and result of a kernel function: `args` and `retval` of fentry and fexit. */
export interface FunctionShape {
  readonly args: RecordType;
  readonly result: Type;
}

export function functionShape(btf: BtfView, name: string): FunctionShape | undefined {
  const prototype = functionPrototype(btf, name);
  return prototype === undefined ? undefined : prototypeShape(btf, prototype, 0);
}

/**
 * Arguments of a raw tracepoint. `__traceiter_NAME` has their names, `btf_trace_NAME` their types alone; the
 * first parameter of both is the tracer's own.
 */
export function rawTracepointShape(btf: BtfView, event: string): FunctionShape | undefined {
  if (btf.find("typedef", `btf_trace_${event}`) === undefined) return undefined;
  const prototype = functionPrototype(btf, `__traceiter_${event}`) ?? tracePrototype(btf, event);
  return prototype === undefined ? undefined : prototypeShape(btf, prototype, 1);
}

function functionPrototype(btf: BtfView, name: string): number | undefined {
  const id = btf.find("func", name);
  const found = id === undefined ? undefined : btf.type(id);
  return found?.kind === "function" ? found.prototype : undefined;
}

function tracePrototype(btf: BtfView, event: string): number | undefined {
  let id = btf.find("typedef", `btf_trace_${event}`);
  while (id !== undefined) {
    const type = btf.type(id);
    if (type.kind === "prototype") return id;
    id =
      type.kind === "typedef" || type.kind === "pointer" || type.kind === "modifier"
        ? type.target
        : undefined;
  }
  return undefined;
}

function prototypeShape(btf: BtfView, id: number, skip: number): FunctionShape | undefined {
  const prototype = btf.type(id);
  if (prototype.kind !== "prototype") return undefined;
  const fields: RecordField[] = [];
  let slot = 0;
  for (const [index, { name, type: typeId }] of prototype.parameters.slice(skip).entries()) {
    const type = typeFromBtf(btf, typeId, "kernel");
    fields.push({ name: name === "" ? `arg${index}` : name, type, offset: slot * 8, path: [index] });
    slot += Math.max(1, Math.ceil(sizeOf(type) / 8));
  }
  const args: RecordType = {
    kind: "record",
    name: "args",
    union: false,
    size: slot * 8,
    origin: { kind: "parameters", fields },
    space: "context",
  };
  return { args, result: typeFromBtf(btf, prototype.result, "kernel") };
}
