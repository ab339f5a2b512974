import { type Btf, BtfIntEncoding, BtfKind, isEnum } from "../btf/index.ts";
import { alignUp } from "../util/index.ts";
import { ObjectError } from "./error.ts";
import { KCONFIG } from "./object-btf.ts";
import type { KconfigVariable } from "./spec.ts";

/**
 * The `extern ... __kconfig` variables of an object, laid out in the one value of map `.kconfig` as libbpf does:
 * by alignment, largest first, then by size, then by name.
 */
export function kconfigVariables(btf: Btf): KconfigVariable[] {
  const section = btf.findByName(KCONFIG, BtfKind.Datasec);
  if (section === undefined) return [];
  const variables = btf.sectionVariables(section).map(({ type: variable }) => {
    const name = btf.name(variable);
    const type = btf.resolve(btf.target(variable));
    const size = btf.size(type);
    const alignment = btf.kind(type) === BtfKind.Array ? 1 : Math.max(1, size);
    return { name, size, alignment, type: valueType(btf, name, type) };
  });
  variables.sort(
    (a, b) =>
      b.alignment - a.alignment || a.size - b.size || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
  let end = 0;
  return variables.map(({ name, size, alignment, type }) => {
    const offset = alignUp(end, alignment);
    end = offset + size;
    return { name, offset, size, type };
  });
}

function valueType(btf: Btf, name: string, type: number): KconfigVariable["type"] {
  const kind = btf.kind(type);
  if (isEnum(kind)) return "tristate";
  if (kind === BtfKind.Array) return "string";
  if (kind !== BtfKind.Int)
    throw new ObjectError("object/bad-elf", `Kernel option ${name} has no type that options have`);
  const { size, encoding } = btf.int(type);
  if (encoding & BtfIntEncoding.Bool) return "bool";
  if (size === 1 && encoding & BtfIntEncoding.Char) return "char";
  return encoding & BtfIntEncoding.Signed ? "signed" : "unsigned";
}
