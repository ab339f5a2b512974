import { type Btf, BtfBuilder, BtfKind, BtfLinkage, isEnum } from "../btf/index.ts";
import { BPF_MAP_TYPE } from "../uapi/index.ts";
import { ObjectError } from "./error.ts";
import type { MapSpec } from "./spec.ts";

// A BTF-defined map is a variable in section .maps whose struct type says everything: `__uint(type, N)` is a
// member `int (*type)[N]`, `__type(key, T)` a member `T *key`, `__array(values, T)` a member `T *values[]`.

/** A map and where its static initialiser lies. */
export interface MapDefinition {
  readonly spec: MapSpec;
  /** Bytes from the variable's start to the first element of `values`. */
  readonly valuesOffset?: number;
}

const pinByName = 1;
/** Fields that are numbers; the others are key, value and values. */
const NUMBERS: ReadonlySet<string> = new Set([
  "type",
  "key_size",
  "value_size",
  "max_entries",
  "map_flags",
  "map_extra",
  "numa_node",
  "pinning",
]);

/** @throws ObjectError where the definition makes no sense. */
export function readMapDefinition(btf: Btf, name: string, type: number, nested = false): MapDefinition {
  const struct = btf.resolve(type);
  if (btf.kind(struct) !== BtfKind.Struct) throw bad(name, "its type is no struct");
  const numbers = new Map<string, bigint>();
  let key: number | undefined;
  let value: number | undefined;
  let inner: MapSpec | undefined;
  let valuesOffset: number | undefined;
  for (const member of btf.members(struct)) {
    if (member.name === "key") key = pointee(btf, name, member.type);
    else if (member.name === "value") value = pointee(btf, name, member.type);
    else if (member.name === "values") {
      if (nested) throw bad(name, "an inner map cannot hold maps of its own");
      valuesOffset = member.bitOffset / 8;
      const element = pointee(btf, name, btf.array(btf.resolve(member.type)).element);
      if (btf.kind(element) === BtfKind.Struct)
        inner = readMapDefinition(btf, `${name}.inner`, element, true).spec;
    } else if (NUMBERS.has(member.name)) numbers.set(member.name, number(btf, name, member.type));
    else throw bad(name, `it has a field ${member.name || "without a name"}, which no map has`);
  }
  const get = (field: string): number => Number(numbers.get(field) ?? 0n);
  const sizeOf = (field: string, id: number | undefined): number => {
    if (id === undefined) return get(field);
    const size = btf.size(id);
    if (numbers.has(field) && get(field) !== size)
      throw bad(name, `${field} is ${get(field)}, but its type takes ${size} bytes`);
    return size;
  };
  const extra = numbers.get("map_extra");
  const pinning = get("pinning");
  if (pinning > pinByName) throw bad(name, `pinning ${pinning} is not known`);
  const kind = get("type");
  // A ring's value type names its records; the kernel wants no size of it.
  const isRing = kind === BPF_MAP_TYPE.RINGBUF || kind === BPF_MAP_TYPE.USER_RINGBUF;
  const held = valuesOffset === undefined ? sizeOf("value_size", value) : 4;
  const spec: MapSpec = {
    name,
    type: kind,
    keySize: sizeOf("key_size", key),
    // What `values` holds, maps or programs, the kernel is given by descriptors.
    valueSize: isRing ? get("value_size") : held,
    maxEntries: get("max_entries"),
    flags: get("map_flags"),
    ...(key !== undefined && { btfKeyTypeId: key }),
    ...(value !== undefined && { btfValueTypeId: value }),
    ...(extra !== undefined && { extra }),
    ...(numbers.has("numa_node") && { numaNode: get("numa_node") }),
    ...(pinning === pinByName && { pinByName: true }),
    ...(inner && { inner }),
  };
  return { spec, ...(valuesOffset !== undefined && { valuesOffset }) };
}

function pointee(btf: Btf, map: string, type: number): number {
  const pointer = btf.skipModifiers(type);
  if (btf.kind(pointer) !== BtfKind.Ptr) throw bad(map, "a key or value is not given by a pointer");
  const target = btf.target(pointer);
  // Types of keys and values keep their typedefs, but elements of `values` are resolved.
  return btf.kind(btf.resolve(target)) === BtfKind.Struct ? btf.skipModifiers(btf.resolve(target)) : target;
}

/** `int (*)[N]`, or an enum whose only enumerator is N, for numbers that do not fit. */
function number(btf: Btf, map: string, type: number): bigint {
  const id = btf.skipModifiers(type);
  if (isEnum(btf.kind(id))) {
    const [only] = btf.enumerators(id);
    if (only) return only.value;
  }
  if (btf.kind(id) !== BtfKind.Ptr) throw bad(map, "a number is not given by a pointer to an array");
  const array = btf.skipModifiers(btf.target(id));
  if (btf.kind(array) !== BtfKind.Array) throw bad(map, "a number is not given by a pointer to an array");
  return BigInt(btf.array(array).length);
}

function bad(map: string, why: string): ObjectError {
  return new ObjectError("object/bad-elf", `The definition of map ${map} is not understood: ${why}`);
}

/** Adds the definitions of maps to an object's types. Gives each map's offset in section .maps, and its size. */
export class MapDefinitionWriter {
  readonly #builder: BtfBuilder;
  readonly #btf: Btf | undefined;
  readonly #int: number;
  readonly #numbers = new Map<number, number>();
  readonly #variables: { readonly type: number; readonly offset: number; readonly size: number }[] = [];
  #size = 0;

  constructor(builder: BtfBuilder, btf: Btf | undefined) {
    this.#builder = builder;
    this.#btf = btf;
    this.#int = builder.signedInt("int", 4);
  }

  get size(): number {
    return this.#size;
  }

  /** Gives the variable's offset and size in the section. */
  add(spec: MapSpec): { readonly offset: number; readonly size: number } {
    if (spec.inner || spec.slots)
      throw new ObjectError(
        "object/unsupported",
        `Map ${spec.name} holds maps or programs, which cannot be written yet`,
      );
    const fields: { name: string; type: number }[] = [];
    const put = (name: string, value: number): void => {
      if (value !== 0) fields.push({ name, type: this.#number(value) });
    };
    put("type", spec.type);
    this.#sized(fields, "key", spec.keySize, spec.btfKeyTypeId);
    this.#sized(fields, "value", spec.valueSize, spec.btfValueTypeId);
    put("max_entries", spec.maxEntries);
    put("map_flags", spec.flags);
    put("pinning", spec.pinByName ? pinByName : 0);
    if (spec.numaNode !== undefined) fields.push({ name: "numa_node", type: this.#number(spec.numaNode) });
    if (spec.extra !== undefined) fields.push({ name: "map_extra", type: this.#wide(spec.extra) });
    const size = fields.length * 8;
    const struct = this.#builder.struct(
      "",
      size,
      fields.map((field, index) => ({ ...field, bitOffset: index * 64, bitSize: 0 })),
    );
    const variable = this.#builder.variable(spec.name, struct, BtfLinkage.Global);
    const offset = this.#size;
    this.#variables.push({ type: variable, offset, size });
    this.#size += size;
    return { offset, size };
  }

  /** Adds the section itself, in place of one that the types had before. */
  finish(): void {
    const [old] = this.#btf?.findAllByName(".maps", BtfKind.Datasec) ?? [];
    this.#builder.dataSection(".maps", this.#size, this.#variables);
    if (old !== undefined) this.#builder.replaceByLast(old);
  }

  #sized(fields: { name: string; type: number }[], what: "key" | "value", size: number, type?: number): void {
    if (type !== undefined && this.#btf?.size(type) === size)
      fields.push({ name: what, type: this.#builder.pointer(type) });
    else if (size !== 0) fields.push({ name: `${what}_size`, type: this.#number(size) });
  }

  #number(value: number): number {
    let type = this.#numbers.get(value);
    if (type === undefined) {
      type = this.#builder.pointer(this.#builder.array(this.#int, this.#int, value));
      this.#numbers.set(value, type);
    }
    return type;
  }

  #wide(value: bigint): number {
    return this.#builder.enum64("", false, [{ name: `map_extra_${value}`, value }]);
  }
}
