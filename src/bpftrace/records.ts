import { btfField, btfFields } from "./btf-types.ts";
import type { AddressSpace, RecordField, RecordType } from "./types.ts";
import type { BtfView } from "./world.ts";

/** Fields of kernel records by BTF, type id and address space: read once. */
const known = new WeakMap<BtfView, Map<string, readonly RecordField[]>>();

/** Every field a script can name, in memory order; members of anonymous records are lifted. */
export function fieldsOf(record: RecordType): readonly RecordField[] {
  const { origin, space } = record;
  return origin.kind === "btf" ? cachedFields(origin.btf, origin.id, space) : origin.fields;
}

export function fieldOf(record: RecordType, name: string): RecordField | undefined {
  const { origin, space } = record;
  return origin.kind === "btf"
    ? btfField(origin.btf, origin.id, space, name)
    : origin.fields.find((field) => field.name === name);
}

function cachedFields(btf: BtfView, id: number, space: AddressSpace): readonly RecordField[] {
  let fields = known.get(btf);
  if (fields === undefined) {
    fields = new Map();
    known.set(btf, fields);
  }
  const key = `${id} ${space}`;
  let found = fields.get(key);
  if (found === undefined) {
    found = btfFields(btf, id, space);
    fields.set(key, found);
  }
  return found;
}
