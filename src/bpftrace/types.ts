import type { BtfView } from "./world.ts";

/** Which memory a pointer reads: helper calls differ, and `context` is read with plain loads. */
export type AddressSpace = "kernel" | "user" | "context" | "unknown";

/**
 * The language's types. Values of `int`, `bool`, `enum` and `pointer` type fit a register; every other
 * value lives in memory and is handled by its address.
 */
export type Type =
  | NoneType
  | VoidType
  | IntType
  | BoolType
  | EnumType
  | StringType
  | BufferType
  | PointerType
  | ArrayType
  | RecordType
  | TupleType
  | KernelSymbolType
  | UserSymbolType
  | StackType
  | InetType
  | MacType
  | TimestampType
  | UsernameType
  | CgroupPathType
  | AggregateType;

/** What a statement-like call yields: no value at all. */
export interface NoneType {
  readonly kind: "none";
}
/** C's void: only behind a pointer. */
export interface VoidType {
  readonly kind: "void";
}
export interface IntType {
  readonly kind: "int";
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
}
export interface BoolType {
  readonly kind: "bool";
}
export interface EnumType {
  readonly kind: "enum";
  readonly name: string;
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly origin: { readonly kind: "btf"; readonly btf: BtfView; readonly id: number } | ScriptEnum;
}
export interface StringType {
  readonly kind: "string";
  /** Bytes of room, the NUL included. */
  readonly size: number;
}
export interface BufferType {
  readonly kind: "buffer";
  /** Most payload bytes. */
  readonly size: number;
}
export interface PointerType {
  readonly kind: "pointer";
  readonly target: Type;
  readonly space: AddressSpace;
}
export interface ArrayType {
  readonly kind: "array";
  readonly element: Type;
  /** 0: unknown or flexible. */
  readonly length: number;
  /** Where the elements are read from when the array is a field of foreign memory. */
  readonly space: AddressSpace;
}

/**
 * A C struct or union, seen in memory of `space`. Fields come from {@link fieldsOf} (records.ts);
 * they are read from BTF only when asked for.
 */
export interface RecordType {
  readonly kind: "record";
  /** Tag without `struct`/`union`; empty when anonymous. */
  readonly name: string;
  readonly union: boolean;
  /** Bytes. */
  readonly size: number;
  readonly origin: RecordOrigin;
  readonly space: AddressSpace;
}
export type RecordOrigin =
  | { readonly kind: "btf"; readonly btf: BtfView; readonly id: number }
  /** Defined in the script itself, layout computed. */
  | ScriptRecord
  /** `args` of a tracepoint: offsets from its format file, relocated by field name at load. */
  | {
      readonly kind: "tracepoint";
      readonly category: string;
      readonly event: string;
      readonly fields: readonly RecordField[];
    }
  /** `args` of fentry, fexit and raw tracepoints: field i is the context's u64 slot `index`. */
  | { readonly kind: "parameters"; readonly fields: readonly RecordField[] };

/** A struct or union that the script defines, with its computed layout. */
export interface ScriptRecord {
  readonly kind: "script";
  readonly name: string;
  readonly union: boolean;
  /** Bytes. */
  readonly size: number;
  readonly align: number;
  readonly fields: readonly RecordField[];
}

export interface ScriptEnum {
  readonly kind: "script";
  readonly name: string;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

/** One member as a script can name it; members of anonymous records are reached through `path`. */
export interface RecordField {
  readonly name: string;
  readonly type: Type;
  /** Bytes from the record's start; for `parameters` 8 times the slot. */
  readonly offset: number;
  /** Bitfield: bits from `offset`, and width. */
  readonly bits?: { readonly offset: number; readonly width: number };
  /** BTF member indices from the record down to this field, as a CO-RE access string without the leading 0. */
  readonly path: readonly number[];
  /** Tracepoint `__data_loc`: u32 of (length << 16 | offset from the record's start). `__rel_loc`: from the field's end. */
  readonly location?: "data" | "relative";
}

/** Tuples have unnamed fields; the language's records `(a=1, b=2)` have named ones. */
export interface TupleType {
  readonly kind: "tuple";
  readonly fields: readonly TupleField[];
}
export interface TupleField {
  readonly name?: string;
  readonly type: Type;
}

export interface KernelSymbolType {
  readonly kind: "ksym";
}
export interface UserSymbolType {
  readonly kind: "usym";
}
export interface StackType {
  readonly kind: "kstack" | "ustack";
  readonly mode: StackMode;
  /** Most frames. */
  readonly depth: number;
}
export type StackMode = "bpftrace" | "perf" | "raw" | "build_id";
export interface InetType {
  readonly kind: "inet";
}
export interface MacType {
  readonly kind: "mac";
}
export interface TimestampType {
  readonly kind: "timestamp";
  /** strftime format. */
  readonly format: string;
  readonly clock: "boot" | "monotonic" | "tai";
}
export interface UsernameType {
  readonly kind: "username";
}
export interface CgroupPathType {
  readonly kind: "cgroup_path";
}

/** What a map of per-CPU aggregates holds. Only maps have these types. */
export type AggregateType =
  | { readonly kind: "count" | "sum" | "min" | "max" | "avg" | "stats"; readonly signed: boolean }
  /** 2^bits sub-buckets a power of two. */
  | { readonly kind: "hist"; readonly bits: number }
  | { readonly kind: "lhist"; readonly min: number; readonly max: number; readonly step: number }
  | {
      readonly kind: "tseries";
      readonly interval: number;
      readonly count: number;
      readonly aggregation: "last" | "avg" | "max" | "min" | "sum";
      readonly signed: boolean;
    };
export type AggregateKind = AggregateType["kind"];

export const none: NoneType = { kind: "none" };
export const voidType: VoidType = { kind: "void" };
export const bool: BoolType = { kind: "bool" };
export const int8: IntType = { kind: "int", size: 1, signed: true };
export const int16: IntType = { kind: "int", size: 2, signed: true };
export const int32: IntType = { kind: "int", size: 4, signed: true };
export const int64: IntType = { kind: "int", size: 8, signed: true };
export const uint8: IntType = { kind: "int", size: 1, signed: false };
export const uint16: IntType = { kind: "int", size: 2, signed: false };
export const uint32: IntType = { kind: "int", size: 4, signed: false };
export const uint64: IntType = { kind: "int", size: 8, signed: false };
export const ksym: KernelSymbolType = { kind: "ksym" };
export const usym: UserSymbolType = { kind: "usym" };
export const inet: InetType = { kind: "inet" };
export const mac: MacType = { kind: "mac" };
export const username: UsernameType = { kind: "username" };
export const cgroupPath: CgroupPathType = { kind: "cgroup_path" };

export function stringOf(size: number): StringType {
  return { kind: "string", size };
}
export function pointerTo(target: Type, space: AddressSpace): PointerType {
  return { kind: "pointer", target, space };
}

const aggregateKinds: ReadonlySet<string> = new Set<AggregateKind>([
  "count",
  "sum",
  "min",
  "max",
  "avg",
  "stats",
  "hist",
  "lhist",
  "tseries",
]);
export function isAggregate(type: Type): type is AggregateType {
  return aggregateKinds.has(type.kind);
}
/** True for the types that take part in arithmetic as a number. */
export function isInteger(type: Type): type is IntType | EnumType | BoolType {
  return type.kind === "int" || type.kind === "enum" || type.kind === "bool";
}

/** Bytes a value of this type takes in memory, as a map value, tuple member or ring record member. */
export function sizeOf(type: Type): number {
  switch (type.kind) {
    case "none":
    case "void":
      return 0;
    case "bool":
      return 1;
    case "int":
    case "enum":
    case "string":
      return type.size;
    case "buffer":
      return 4 + type.size;
    case "pointer":
    case "ksym":
    case "timestamp":
    case "username":
    case "cgroup_path":
    case "count":
    case "sum":
      return 8;
    case "array":
      return sizeOf(type.element) * type.length;
    case "record":
      return type.size;
    case "tuple":
      return tupleLayout(type).size;
    case "usym":
    case "kstack":
    case "ustack":
    case "min":
    case "max":
    case "avg":
    case "stats":
      return 16;
    case "inet":
      return 24;
    case "mac":
      return 6;
    case "hist":
    case "lhist":
    case "tseries":
      return 0; // an array of buckets that only `lower` lays out
  }
}

/** Natural alignment in bytes: 1, 2, 4 or 8. */
export function alignOf(type: Type): number {
  switch (type.kind) {
    case "bool":
    case "string":
    case "mac":
    case "none":
    case "void":
      return 1;
    case "int":
    case "enum":
      return type.size;
    case "buffer":
      return 4;
    case "array":
      return alignOf(type.element);
    case "tuple":
      return type.fields.reduce((most, field) => Math.max(most, alignOf(field.type)), 1);
    default:
      return 8;
  }
}

/** Offsets of a tuple's members under C's rules; the size is rounded up to the alignment. */
export function tupleLayout(type: TupleType): { readonly offsets: readonly number[]; readonly size: number } {
  const offsets: number[] = [];
  let end = 0;
  for (const field of type.fields) {
    const align = alignOf(field.type);
    const offset = Math.ceil(end / align) * align;
    offsets.push(offset);
    end = offset + sizeOf(field.type);
  }
  const align = alignOf(type);
  return { offsets, size: Math.ceil(end / align) * align };
}
