import { typeFromBtf } from "./btf-types.ts";
import {
  type AddressSpace,
  bool,
  int8,
  pointerTo,
  type RecordField,
  type RecordType,
  stringOf,
  type Type,
  voidType,
} from "./types.ts";
import type { BtfView } from "./world.ts";

/** A field as a tracefs `format` file declares it; see `parseTracepointFormat`. */
export interface DeclaredField {
  readonly name: string;
  /** C type without array suffix and location prefix, as `const char *`. */
  readonly type: string;
  readonly offset: number;
  /** Bytes; of the whole array. */
  readonly size: number;
  readonly signed: boolean;
  readonly length?: number;
  readonly array: boolean;
  readonly location?: "data" | "relative";
}

export interface TracepointOptions {
  readonly category: string;
  readonly event: string;
  readonly fields: readonly DeclaredField[];
  /** For the records that pointers point to. */
  readonly btf?: BtfView;
  /** Room of strings whose length only the record knows. */
  readonly maxStringLength: number;
}

/** `args` of a tracepoint. */
export function tracepointArgs(options: TracepointOptions): RecordType {
  const { category, event } = options;
  const fields = options.fields.map((field) => recordField(field, options));
  const size = options.fields.reduce((most, { offset, size: bytes }) => Math.max(most, offset + bytes), 0);
  const origin = { kind: "tracepoint", category, event, fields } as const;
  return { kind: "record", name: "args", union: false, size, origin, space: "context" };
}

function recordField(field: DeclaredField, options: TracepointOptions): RecordField {
  const { name, offset, location } = field;
  const type = fieldType(field, options);
  return { name, type, offset, path: [], ...(location && { location }) };
}

function fieldType(field: DeclaredField, options: TracepointOptions): Type {
  if (field.array || field.location !== undefined) return arrayType(field, options);
  if (field.type.includes("*")) return pointerType(field.type, options);
  return scalarType(field.type, field.size, field.signed, options);
}

/** System calls get their pointers from user space, everything else has kernel addresses. */
function pointerSpace({ category }: TracepointOptions): AddressSpace {
  return category === "syscalls" || category === "raw_syscalls" ? "user" : "kernel";
}

function arrayType(field: DeclaredField, options: TracepointOptions): Type {
  if (isCharacter(field.type))
    return stringOf(field.location === undefined ? field.size : options.maxStringLength);
  const length = field.location === undefined ? (field.length ?? 0) : 0;
  const size = length > 0 ? field.size / length : elementSize(field.type);
  const element = field.type.includes("*")
    ? pointerType(field.type, options)
    : scalarType(field.type, size, field.signed, options);
  return { kind: "array", element, length, space: field.location === undefined ? "context" : "kernel" };
}

function isCharacter(type: string): boolean {
  return words(type) === "char";
}

/** Without qualifiers. */
function words(type: string): string {
  return type
    .replace(/\b(?:const|volatile|__user|restrict)\b/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

const ELEMENT_SIZES: Readonly<Record<string, number>> = {
  u8: 1,
  __u8: 1,
  "unsigned char": 1,
  u16: 2,
  __u16: 2,
  "unsigned short": 2,
  u64: 8,
  __u64: 8,
  "unsigned long": 8,
  long: 8,
};

function elementSize(type: string): number {
  return ELEMENT_SIZES[words(type)] ?? 4;
}

function pointerType(text: string, options: TracepointOptions): Type {
  const space = pointerSpace(options);
  const stars = text.split("*").length - 1;
  let type = pointedType(words(text.replaceAll("*", " ")), space, options);
  for (let depth = 0; depth < stars; depth++) type = pointerTo(type, space);
  return type;
}

function pointedType(name: string, space: AddressSpace, { btf }: TracepointOptions): Type {
  const [tag, record] = name.split(" ");
  if (name === "char") return int8;
  if (btf === undefined || name === "void") return voidType;
  const kind = tag === "struct" || tag === "union" ? tag : undefined;
  const id = kind && record ? btf.find(kind, record) : (btf.find("typedef", name) ?? btf.find("int", name));
  return id === undefined ? voidType : typeFromBtf(btf, id, space);
}

function scalarType(text: string, size: number, signed: boolean, { btf }: TracepointOptions): Type {
  const name = words(text);
  if (name === "bool") return bool;
  const tagged = /^enum (\w+)$/.exec(name)?.[1];
  const id = tagged === undefined ? undefined : btf?.find("enum", tagged);
  if (btf !== undefined && id !== undefined) return typeFromBtf(btf, id, "kernel");
  if (size === 1 || size === 2 || size === 4 || size === 8) return { kind: "int", size, signed };
  return { kind: "array", element: { kind: "int", size: 1, signed: false }, length: size, space: "context" };
}
