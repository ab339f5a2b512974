import type { PlanField, ValueType } from "../../object/index.ts";
import { fieldsOf } from "../records.ts";
import { type EnumType, type ScriptEnum, tupleLayout, type Type } from "../types.ts";
import type { BtfType } from "../world.ts";

/** What the session must know to read a value of this type. `stackMap` names the map of its stack ids. */
export function planType(type: Type, stackMap: (type: Type) => string): ValueType {
  switch (type.kind) {
    case "int":
      return { kind: "int", size: type.size, signed: type.signed };
    case "bool":
      return { kind: "bool" };
    case "enum":
      return { kind: "enum", size: type.size, names: enumNames(type) };
    case "pointer":
      return { kind: "pointer" };
    case "string":
      return { kind: "string", size: type.size };
    case "buffer":
      return { kind: "buffer", size: type.size };
    case "array":
      return { kind: "array", element: planType(type.element, stackMap), length: type.length };
    case "tuple": {
      const { offsets, size } = tupleLayout(type);
      const fields = type.fields.map((field, index) => ({
        name: field.name ?? "",
        offset: offsets[index]!,
        type: planType(field.type, stackMap),
      }));
      // Tuples with names are shown as records.
      const named = type.fields.length > 0 && type.fields.every(({ name }) => name !== undefined);
      return named ? { kind: "struct", name: "", size, fields } : { kind: "tuple", size, fields };
    }
    case "record": {
      const fields = fieldsOf(type).map((field): PlanField => ({
        name: field.name,
        offset: field.offset,
        type: planType(field.type, stackMap),
        ...(field.bits && { bits: field.bits }),
      }));
      return { kind: "struct", name: type.name, size: type.size, fields };
    }
    case "kstack":
    case "ustack":
      return { kind: type.kind, map: stackMap(type), depth: type.depth, mode: type.mode };
    case "timestamp":
      return { kind: "timestamp", format: type.format, clock: type.clock };
    case "cgroup_path":
      return { kind: "cgroupPath" };
    case "ksym":
    case "usym":
    case "inet":
    case "mac":
    case "username":
      return { kind: type.kind };
    case "count":
    case "sum":
    case "min":
    case "max":
    case "avg":
      return { kind: "int", size: 8, signed: type.signed };
    case "none":
    case "void":
    case "stats":
    case "hist":
    case "lhist":
    case "tseries":
      return { kind: "none" };
  }
}

function enumNames({ origin }: EnumType): Record<string, string> {
  const values = origin.kind === "script" ? origin.values : btfValues(origin.btf.type(origin.id));
  return Object.fromEntries(values.map(({ name, value }) => [`${value}`, name]));
}

function btfValues(type: BtfType): ScriptEnum["values"] {
  return type.kind === "enum" ? type.values : [];
}
