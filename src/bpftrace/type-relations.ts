import { int64, type IntType, isAggregate, type TupleType, type Type } from "./types.ts";

/** As messages and `-d types` name a type: `uint32`, `struct task_struct *`, `(int64,string[16])`. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "int":
      return `${type.signed ? "" : "u"}int${type.size * 8}`;
    case "string":
    case "buffer":
      return `${type.kind}[${type.size}]`;
    case "pointer":
      return `${typeName(type.target)} *`;
    case "array":
      return `${typeName(type.element)}[${type.length === 0 ? "" : type.length}]`;
    case "record":
      return type.name === "args" && type.origin.kind !== "btf"
        ? "args"
        : `${type.union ? "union" : "struct"} ${type.name || "(anonymous)"}`;
    case "enum":
      return `enum ${type.name || "(anonymous)"}`;
    case "tuple":
      return `(${type.fields.map((field) => (field.name === undefined ? "" : `${field.name}=`) + typeName(field.type)).join(",")})`;
    case "ksym":
    case "usym":
      return `${type.kind}_t`;
    default:
      return isAggregate(type) ? `${type.kind}_t` : type.kind;
  }
}

/** Same bytes and same meaning; address spaces do not count. */
export function sameType(a: Type, b: Type): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case "int":
      return b.kind === "int" && a.size === b.size && a.signed === b.signed;
    case "string":
    case "buffer":
      return b.kind === a.kind && a.size === b.size;
    case "pointer":
      return b.kind === "pointer" && sameType(a.target, b.target);
    case "array":
      return b.kind === "array" && a.length === b.length && sameType(a.element, b.element);
    case "record":
      return b.kind === "record" && a.name === b.name && a.union === b.union && a.size === b.size;
    case "enum":
      return b.kind === "enum" && a.name === b.name && a.size === b.size;
    case "tuple":
      return (
        b.kind === "tuple" &&
        sameFields(a, b) &&
        a.fields.every((field, index) => sameType(field.type, b.fields[index]!.type))
      );
    case "kstack":
    case "ustack":
      return b.kind === a.kind && a.mode === b.mode && a.depth === b.depth;
    case "timestamp":
      return b.kind === "timestamp" && a.format === b.format && a.clock === b.clock;
    case "hist":
      return b.kind === "hist" && a.bits === b.bits;
    case "lhist":
      return b.kind === "lhist" && a.min === b.min && a.max === b.max && a.step === b.step;
    default:
      return !("signed" in a) || ("signed" in b && a.signed === b.signed);
  }
}

function sameFields(a: TupleType, b: TupleType): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, index) => field.name === b.fields[index]!.name)
  );
}

/** The int that holds both; int64 where none does. */
export function commonInt(a: IntType, b: IntType): IntType {
  if (a.signed === b.signed) return a.size >= b.size ? a : b;
  const [signed, unsigned] = a.signed ? [a, b] : [b, a];
  if (signed.size > unsigned.size) return signed;
  if (unsigned.size === 4) return int64;
  if (unsigned.size === 8) return int64;
  return { kind: "int", size: unsigned.size === 1 ? 2 : 4, signed: true };
}

/** The type that takes values of both; undefined when there is none. */
export function commonType(a: Type, b: Type): Type | undefined {
  if (sameType(a, b)) return a;
  const left = asInt(a);
  const right = asInt(b);
  if (left && right) return commonInt(left, right);
  if (a.kind === "string" && b.kind === "string") return a.size >= b.size ? a : b;
  if (a.kind === "buffer" && b.kind === "buffer") return a.size >= b.size ? a : b;
  if (a.kind === "pointer" && b.kind === "pointer") return a.target.kind === "void" ? b : a;
  if (a.kind === "pointer" && right) return a;
  if (b.kind === "pointer" && left) return b;
  if (a.kind === "tuple" && b.kind === "tuple") return commonTuple(a, b);
  if (a.kind === "timestamp" && b.kind === "timestamp") return a;
  if (isAggregate(a) && isAggregate(b) && a.kind === b.kind && "signed" in a) return a.signed ? a : b;
  return undefined;
}

function commonTuple(a: TupleType, b: TupleType): TupleType | undefined {
  if (a.fields.length !== b.fields.length) return undefined;
  const fields: TupleType["fields"][number][] = [];
  for (const [index, field] of a.fields.entries()) {
    const other =
      field.name === undefined ? b.fields[index] : b.fields.find(({ name }) => name === field.name);
    const type = other && other.name === field.name ? commonType(field.type, other.type) : undefined;
    if (!type) return undefined;
    fields.push({ ...field, type });
  }
  return { kind: "tuple", fields };
}

export function asInt(type: Type): IntType | undefined {
  switch (type.kind) {
    case "int":
      return type;
    case "bool":
      return { kind: "int", size: 1, signed: false };
    case "enum":
      return { kind: "int", size: type.size, signed: type.signed };
    default:
      return undefined;
  }
}

export function fits(value: bigint, type: IntType): boolean {
  const bits = BigInt(type.size * 8);
  return type.signed
    ? BigInt.asIntN(Number(bits), value) === value
    : BigInt.asUintN(Number(bits), value) === value;
}

/** int64, or uint64 for what only that holds. */
export function literalType(value: bigint): IntType {
  return value >= 1n << 63n ? { kind: "int", size: 8, signed: false } : int64;
}

/** Types whose values a script can compare with == and take as true or false. */
export function isScalarType(type: Type): boolean {
  return ["int", "bool", "enum", "pointer"].includes(type.kind);
}

/** Aggregates that can be read as one number in the program. */
export function isCastable(type: Type): boolean {
  return ["count", "sum", "min", "max", "avg"].includes(type.kind);
}
