import { alignOf, sizeOf, tupleLayout, type Type } from "../types.ts";
import type { BtfMember, BtfType, BtfView } from "../world.ts";

/** A type of the object's own BTF; `id` is its place in the list, from 1. */
export type LocalType =
  | {
      readonly kind: "int";
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly char: boolean;
      readonly bool: boolean;
    }
  | { readonly kind: "pointer"; readonly target: number }
  | { readonly kind: "array"; readonly element: number; readonly index: number; readonly length: number }
  | {
      readonly kind: "struct" | "union";
      readonly name: string;
      readonly size: number;
      readonly members: LocalMember[];
    }
  | { readonly kind: "enum"; readonly name: string; readonly size: number; readonly signed: boolean }
  | {
      readonly kind: "prototype";
      readonly result: number;
      readonly parameters: readonly { readonly name: string; readonly type: number }[];
    }
  /** Static functions are checked where they are called, global ones by themselves. */
  | {
      readonly kind: "function";
      readonly name: string;
      readonly prototype: number;
      readonly linkage: "static" | "global";
    };

export interface LocalMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0: not a bitfield. */
  readonly bitWidth: number;
}

/** BTF's void. */
const VOID = 0;

/**
 * The types that the object carries: those of its maps and programs, and as much of the kernel's records
 * as CO-RE relocations name. Kernel records hold only the members that the script uses, in order of use.
 */
export class LocalTypes {
  readonly types: LocalType[] = [];
  readonly #known = new Map<string, number>();
  readonly #records = new Map<BtfView, Map<number, KernelRecord>>();

  /** The id of a type that equals this one, added when there is none. Not for records that grow. */
  add(type: LocalType): number {
    const key = JSON.stringify(type);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.types.push(type);
    this.#known.set(key, id);
    return id;
  }

  int(size: number, signed: boolean): number {
    const name = `${signed ? "" : "unsigned "}${INT_NAMES[size] ?? "int"}`;
    return this.add({ kind: "int", name, size, signed, char: false, bool: false });
  }

  charArray(length: number): number {
    const element = this.add({ kind: "int", name: "char", size: 1, signed: true, char: true, bool: false });
    return this.#array(element, length);
  }

  struct(name: string, size: number, members: readonly LocalMember[]): number {
    return this.add({ kind: "struct", name, size, members: [...members] });
  }

  /** FUNC of a program: `int name(void *ctx)`. */
  program(name: string): number {
    const parameters = [{ name: "ctx", type: this.add({ kind: "pointer", target: VOID }) }];
    const prototype = this.add({ kind: "prototype", result: this.int(4, true), parameters });
    return this.add({ kind: "function", name, prototype, linkage: "global" });
  }

  /** FUNC of a callback: `static long name(void *, ...)`. */
  callback(name: string, count: number): number {
    const type = this.add({ kind: "pointer", target: VOID });
    const parameters = Array.from({ length: count }, (_, index) => ({ name: `arg${index}`, type }));
    const prototype = this.add({ kind: "prototype", result: this.int(8, true), parameters });
    return this.add({ kind: "function", name, prototype, linkage: "static" });
  }

  /** A value of the script, as map dumps show it. */
  value(type: Type): number {
    switch (type.kind) {
      case "int":
        return this.int(type.size, type.signed);
      case "bool":
        return this.add({ kind: "int", name: "_Bool", size: 1, signed: false, char: false, bool: true });
      case "enum":
        return this.int(type.size, type.signed);
      case "string":
        return this.charArray(type.size);
      case "array":
        return this.#array(this.value(type.element), type.length);
      case "pointer":
        return this.add({ kind: "pointer", target: VOID });
      case "tuple": {
        const { offsets, size } = tupleLayout(type);
        const members = type.fields.map((field, index) => ({
          name: field.name ?? `_${index}`,
          type: this.value(field.type),
          bitOffset: offsets[index]! * 8,
          bitWidth: 0,
        }));
        return this.struct("", size, members);
      }
      case "ksym":
      case "timestamp":
      case "username":
      case "cgroup_path":
      case "count":
      case "sum":
        return this.int(8, false);
      default:
        return this.#bytes(sizeOf(type), alignOf(type));
    }
  }

  /**
   * The CO-RE access of a member of a kernel record. `path` holds member indices of the kernel's BTF (and
   * array indices); the answer's are those of the local copy.
   */
  access(btf: BtfView, id: number, path: readonly number[]): { typeId: number; access: string } {
    const indices = ["0"];
    const root = this.#record(btf, id);
    let current: KernelType = root;
    for (const step of path) {
      if (current.kind === "array") {
        indices.push(`${step}`);
        current = this.#shape(btf, current.element);
        continue;
      }
      if (current.kind !== "record") throw new RangeError(`no member ${step} in a ${current.kind}`);
      indices.push(`${this.#member(btf, current, step)}`);
      current = this.#shape(btf, current.members[step]!.type);
    }
    return { typeId: root.local, access: indices.join(":") };
  }

  /** The local copy of a kernel record, for relocations that are about the type itself. */
  record(btf: BtfView, id: number): number {
    return this.#record(btf, id).local;
  }

  /** Ids of the copies of kernel records. */
  kernelRecords(): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const records of this.#records.values()) for (const { local } of records.values()) ids.add(local);
    return ids;
  }

  #member(btf: BtfView, record: KernelRecord, index: number): number {
    const known = record.used.get(index);
    if (known !== undefined) return known;
    const member = record.members[index];
    if (member === undefined) throw new RangeError(`a record has no member ${index}`);
    const type = this.#kernelType(btf, member.type);
    const { name, bitOffset, bitWidth } = member;
    const position = record.type.members.push({ name, type, bitOffset, bitWidth }) - 1;
    record.used.set(index, position);
    return position;
  }

  #record(btf: BtfView, id: number): KernelRecord {
    const shape = this.#shape(btf, id);
    if (shape.kind !== "record") throw new RangeError(`BTF type ${id} is no record`);
    return shape;
  }

  #shape(btf: BtfView, id: number): KernelType {
    const { id: bare, type } = strip(btf, id);
    if (type.kind === "array") return { kind: "array", element: type.element };
    if (type.kind !== "struct" && type.kind !== "union") return { kind: "other" };
    let records = this.#records.get(btf);
    if (records === undefined) {
      records = new Map();
      this.#records.set(btf, records);
    }
    let record = records.get(bare);
    if (record === undefined) {
      const copy = { kind: type.kind, name: type.name, size: type.size, members: [] };
      const local = this.types.push(copy);
      record = { kind: "record", local, type: copy, members: type.members, used: new Map() };
      records.set(bare, record);
    }
    return record;
  }

  /** As much of a member's type as CO-RE compares: kind, size and array element. */
  #kernelType(btf: BtfView, id: number): number {
    const { id: bare, type } = strip(btf, id);
    switch (type.kind) {
      case "int": {
        const { name, size, signed, char, bool } = type;
        return this.add({ kind: "int", name, size, signed, char, bool });
      }
      case "array":
        return this.#array(this.#kernelType(btf, type.element), type.length);
      case "struct":
      case "union":
        return this.#record(btf, bare).local;
      case "enum":
        return this.add({ kind: "enum", name: type.name, size: type.size, signed: type.signed });
      default:
        return this.add({ kind: "pointer", target: VOID });
    }
  }

  #array(element: number, length: number): number {
    return this.add({ kind: "array", element, index: this.int(4, false), length });
  }

  #bytes(size: number, align: number): number {
    return this.#array(this.int(align, false), Math.ceil(size / align));
  }
}

const INT_NAMES: Readonly<Record<number, string>> = { 1: "char", 2: "short", 4: "int", 8: "long" };

interface KernelRecord {
  readonly kind: "record";
  readonly local: number;
  readonly type: { readonly members: LocalMember[] };
  readonly members: readonly BtfMember[];
  /** From the kernel's member index to the local one. */
  readonly used: Map<number, number>;
}
type KernelType =
  | KernelRecord
  | { readonly kind: "array"; readonly element: number }
  | { readonly kind: "other" };

/** Without modifiers and typedefs. */
function strip(btf: BtfView, id: number): { id: number; type: BtfType } {
  for (;;) {
    const type = btf.type(id);
    if (type.kind !== "modifier" && type.kind !== "typedef") return { id, type };
    id = type.target;
  }
}
