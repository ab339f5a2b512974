import { BtfKind } from "../../../btf/index.ts";
import type { Btf } from "../../../btf/index.ts";

/** Types that the kernel keeps to itself inside values (kernel/bpf/btf.c, btf_get_field_type). */
const SPECIAL = [
  "bpf_spin_lock",
  "bpf_res_spin_lock",
  "bpf_timer",
  "bpf_wq",
  "bpf_task_work",
  "bpf_list_head",
  "bpf_list_node",
  "bpf_rb_root",
  "bpf_rb_node",
  "bpf_refcount",
] as const;
export type SpecialField = (typeof SPECIAL)[number] | "kptr";

export interface ValueField {
  readonly kind: SpecialField;
  readonly offset: number;
  readonly size: number;
}

const KPTR_TAGS: ReadonlySet<string> = new Set(["kptr", "kptr_untrusted", "percpu_kptr"]);
/** The kernel looks this deep into nested structs. */
const MAX_DEPTH = 4;

/** Parts of a map's values that only programs' helpers change: system calls read them as zero, updates end them. */
export class ValueFields {
  readonly list: readonly ValueField[];

  constructor(list: readonly ValueField[] = []) {
    this.list = list.toSorted((a, b) => a.offset - b.offset);
  }

  has(kind: SpecialField): boolean {
    return this.list.some((field) => field.kind === kind);
  }

  at(kind: SpecialField): number | undefined {
    return this.list.find((field) => field.kind === kind)?.offset;
  }

  /** Makes one value of another: what these fields held ends with the old one (bpf_obj_free_fields). */
  replace(old: Uint8Array, value: Uint8Array): void {
    old.set(value);
    this.clear(old);
  }

  clear(value: Uint8Array): void {
    for (const { offset, size } of this.list) value.fill(0, offset, offset + size);
  }
}

export const NO_FIELDS: ValueFields = new ValueFields();

/** Looks for them in the BTF type of a map's values. */
export function findValueFields(btf: Btf, type: number): ValueFields {
  const fields: ValueField[] = [];
  collect(btf, type, 0, 0, fields);
  return fields.length === 0 ? NO_FIELDS : new ValueFields(fields);
}

function collect(btf: Btf, type: number, base: number, depth: number, into: ValueField[]): void {
  const id = btf.skipModifiers(type);
  const kind = btf.kind(id);
  if (kind !== BtfKind.Struct && kind !== BtfKind.Datasec) return;
  const members =
    kind === BtfKind.Struct
      ? btf.members(id).map((member) => ({ type: member.type, offset: member.bitOffset / 8 }))
      : btf
          .sectionVariables(id)
          .map((variable) => ({ type: btf.target(variable.type), offset: variable.offset }));
  for (const member of members) {
    const inner = btf.skipModifiers(member.type);
    const offset = base + member.offset;
    const name = btf.kind(inner) === BtfKind.Struct ? btf.name(inner) : "";
    const special = SPECIAL.find((candidate) => candidate === name);
    if (special) into.push({ kind: special, offset, size: btf.size(inner) });
    else if (isKptr(btf, member.type)) into.push({ kind: "kptr", offset, size: 8 });
    else if (depth < MAX_DEPTH) collect(btf, inner, offset, depth + 1, into);
  }
}

/** A pointer whose target carries a type tag of that meaning. */
function isKptr(btf: Btf, type: number): boolean {
  const pointer = btf.skipModifiers(type);
  if (btf.kind(pointer) !== BtfKind.Ptr) return false;
  const target = btf.target(pointer);
  return btf.kind(target) === BtfKind.TypeTag && KPTR_TAGS.has(btf.name(target));
}
