import type { Btf } from "../btf/index.ts";
import { BtfKind, parseBtf } from "../btf/index.ts";
import type { Shape, ShapeField } from "../codec/index.ts";
import { Shapes } from "../codec/index.ts";
import { BpfkitError } from "../errors.ts";
import type { MapSpec, ObjectSpec } from "../object/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../uapi/index.ts";
import { eventType } from "./event-type.ts";

/**
 * What is to be done with a map. `keyed`: look up, update, delete. `queue`: push and pop. `bloom`: add and ask.
 * `ring`, `perf`: read what programs send. `userRing`: send to programs. `other`: nothing from here.
 */
export type MapKind = "keyed" | "queue" | "bloom" | "ring" | "perf" | "userRing" | "other";

/** A map in JavaScript's terms. */
export interface MapSchema {
  readonly name: string;
  readonly kind: MapKind;
  /** BPF_MAP_TYPE number. */
  readonly type: number;
  readonly flags: number;
  /** Absent where the kind has no keys. */
  readonly key?: Shape;
  /** Of rings: one record. Absent where it is not known, and records are bytes. */
  readonly value?: Shape;
  /** A value for each possible CPU. */
  readonly perCpu: boolean;
}

/** A global variable. */
export interface GlobalSchema extends ShapeField {
  /** The map that holds it: `.bss`, `.rodata`. */
  readonly section: string;
  /** Bytes of the whole section. */
  readonly sectionSize: number;
  /** Fixed once the object is loaded. */
  readonly readOnly: boolean;
}

/** What an object offers to a JavaScript program: a pure function of its file. */
export interface ObjectSchema {
  readonly maps: readonly MapSchema[];
  readonly globals: readonly GlobalSchema[];
}

export interface SchemaOptions {
  /** Struct of the records of ring and perf buffers, by map name, where the object does not tell. */
  readonly events?: Readonly<Record<string, string>>;
}

const KINDS: ReadonlyMap<number, MapKind> = new Map<number, MapKind>([
  [BPF_MAP_TYPE.QUEUE, "queue"],
  [BPF_MAP_TYPE.STACK, "queue"],
  [BPF_MAP_TYPE.BLOOM_FILTER, "bloom"],
  [BPF_MAP_TYPE.RINGBUF, "ring"],
  [BPF_MAP_TYPE.PERF_EVENT_ARRAY, "perf"],
  [BPF_MAP_TYPE.USER_RINGBUF, "userRing"],
  [BPF_MAP_TYPE.STRUCT_OPS, "other"],
  [BPF_MAP_TYPE.ARENA, "other"],
]);

const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.PERCPU_HASH,
  BPF_MAP_TYPE.PERCPU_ARRAY,
  BPF_MAP_TYPE.LRU_PERCPU_HASH,
  BPF_MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);

/** Types whose values are one descriptor going in and one id coming out. */
const HANDLES: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.PROG_ARRAY,
  BPF_MAP_TYPE.CGROUP_ARRAY,
  BPF_MAP_TYPE.ARRAY_OF_MAPS,
  BPF_MAP_TYPE.HASH_OF_MAPS,
]);

const U32: Shape = { kind: "int", size: 4, signed: false };
const U64: Shape = { kind: "bigint", size: 8, signed: false };

/**
 * Describes an object's maps and global variables.
 * @throws BpfkitError, BtfError, CodecError for types that make no sense
 */
export function describeObject(spec: ObjectSpec, { events = {} }: SchemaOptions = {}): ObjectSchema {
  const btf = spec.btf && parseBtf(spec.btf);
  const shapes = btf && new Shapes(btf);
  return {
    maps: spec.maps
      .filter(({ name }) => !isSection(name))
      .map((map) => describeMap(map, shapes, recordType(spec, map, btf, events[map.name]))),
    globals: btf && shapes ? globalsOf(spec, btf, shapes) : [],
  };
}

/** `record`: BTF type of a ring's records. */
export function describeMap(map: MapSpec, shapes: Shapes | undefined, record?: number): MapSchema {
  const kind = KINDS.get(map.type) ?? "keyed";
  const value = valueShape(map, kind, shapes, record);
  return {
    name: map.name,
    kind,
    type: map.type,
    flags: map.flags,
    perCpu: PER_CPU.has(map.type),
    ...(kind === "keyed" && { key: keyShape(map, shapes) }),
    ...(value && { value }),
  };
}

/** Sections of global data are maps whose names begin with a dot. */
export function isSection(map: string): boolean {
  return map.startsWith(".");
}

function keyShape(map: MapSpec, shapes: Shapes | undefined): Shape {
  const typed = typedShape(shapes, map.btfKeyTypeId, map.keySize);
  if (typed) return typed;
  // Without a type, four bytes are an index or a number nearly always.
  return map.keySize === 4 ? U32 : { kind: "bytes", size: map.keySize };
}

function valueShape(
  map: MapSpec,
  kind: MapKind,
  shapes: Shapes | undefined,
  record?: number,
): Shape | undefined {
  switch (kind) {
    case "ring":
    case "perf":
    case "userRing":
      return record === undefined ? undefined : shapes?.of(record);
    case "other":
      return undefined;
    case "keyed":
    case "queue":
    case "bloom":
      break;
  }
  if (HANDLES.has(map.type)) return U32;
  if (map.type === BPF_MAP_TYPE.STACK_TRACE && map.valueSize % 8 === 0)
    return { kind: "array", size: map.valueSize, element: U64, length: map.valueSize / 8 };
  return typedShape(shapes, map.btfValueTypeId, map.valueSize) ?? { kind: "bytes", size: map.valueSize };
}

/** The shape of a type if it is as long as the map says. */
function typedShape(shapes: Shapes | undefined, type: number | undefined, size: number): Shape | undefined {
  if (!shapes || type === undefined || type === 0) return undefined;
  const shape = shapes.of(type);
  return shape.size === size ? shape : undefined;
}

function recordType(
  spec: ObjectSpec,
  map: MapSpec,
  btf: Btf | undefined,
  wanted: string | undefined,
): number | undefined {
  const kind = KINDS.get(map.type);
  if (!btf || (kind !== "ring" && kind !== "perf" && kind !== "userRing")) {
    if (wanted !== undefined) throw noRecords(map.name);
    return undefined;
  }
  if (wanted !== undefined) return namedType(btf, wanted);
  // Perf event arrays hold descriptors: their value type is no record.
  if (kind !== "perf" && map.btfValueTypeId !== undefined) return map.btfValueTypeId;
  return kind === "userRing" ? undefined : eventType(spec, btf, map.name);
}

/** A struct, union or typedef by its name in C, with or without the keyword. */
export function namedType(btf: Btf, wanted: string): number {
  const name = wanted.replace(/^(struct|union|enum)\s+/, "");
  const found = [BtfKind.Struct, BtfKind.Union, BtfKind.Typedef, BtfKind.Enum, BtfKind.Int]
    .map((kind) => btf.findByName(name, kind))
    .find((id) => id !== undefined);
  if (found !== undefined) return found;
  throw new BpfkitError(`The object's types have no ${wanted}`, {
    code: "schema/no-type",
    hints: [`Make the compiler keep the type: const struct ${name} *unused __attribute__((unused));`],
  });
}

function noRecords(map: string): BpfkitError {
  return new BpfkitError(`Map ${map} is no ring buffer or perf event array of an object with BTF`, {
    code: "schema/no-events",
  });
}

function globalsOf(spec: ObjectSpec, btf: Btf, shapes: Shapes): GlobalSchema[] {
  const seen = new Set<string>();
  return spec.maps
    .filter(({ name }) => isSection(name))
    .flatMap((map) => {
      const section = btf.findByName(map.name, BtfKind.Datasec);
      if (section === undefined) return [];
      return shapes
        .section(section)
        .filter(({ name, offset, shape }) => name !== "" && offset + shape.size <= map.valueSize)
        .filter(({ name }) => !seen.has(name) && seen.add(name))
        .map((field) => ({
          ...field,
          section: map.name,
          sectionSize: map.valueSize,
          readOnly: map.frozen === true || (map.flags & BPF_F.RDONLY_PROG) !== 0,
        }));
    });
}
