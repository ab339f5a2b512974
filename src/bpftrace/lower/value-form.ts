import { sizeOf, type Type } from "../types.ts";

/** Whether the type's value takes more than four bytes of a register. */
export function isWide(type: Type): boolean {
  return sizeOf(type) > 4;
}

const scalarKinds: ReadonlySet<Type["kind"]> = new Set([
  "int",
  "bool",
  "enum",
  "pointer",
  "ksym",
  "timestamp",
  "username",
  "cgroup_path",
]);

/** Whether values of the type live in registers; others live in memory. */
export function isScalar(type: Type): boolean {
  return scalarKinds.has(type.kind);
}
