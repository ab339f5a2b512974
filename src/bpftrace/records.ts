import type { RecordField, RecordType } from "./types.ts";

/** Every field a script can name, in memory order; members of anonymous records are lifted. */
export function fieldsOf(record: RecordType): readonly RecordField[] {
  return record.origin.kind === "btf" ? [] : record.origin.fields;
}

export function fieldOf(record: RecordType, name: string): RecordField | undefined {
  return fieldsOf(record).find((field) => field.name === name);
}
