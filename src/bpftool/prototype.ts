import { BtfKind } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";

const MODIFIERS: ReadonlyMap<number, string> = new Map([
  [BtfKind.Const, "const "],
  [BtfKind.Volatile, "volatile "],
  [BtfKind.Restrict, "restrict "],
]);
const TAGS: ReadonlyMap<number, string> = new Map([
  [BtfKind.Struct, "struct "],
  [BtfKind.Union, "union "],
  [BtfKind.Enum, "enum "],
  [BtfKind.Enum64, "enum "],
]);

/** A function's name with its types: `int main(struct __sk_buff * skb)`; empty for a type that is no function. */
export function functionText(btf: Btf, id: number): string {
  return btf.kind(id) === BtfKind.Func ? prototypeText(btf, btf.target(id), btf.name(id)) : "";
}

/** `name` empty: the prototype of a pointer's target. */
export function prototypeText(btf: Btf, prototype: number, name: string): string {
  const params = btf.params(prototype).map((param) => {
    if (param.type === 0) return "...";
    const type = typeOnly(btf, param.type);
    return param.name === "" ? type.trimEnd() : `${type}${param.name}`;
  });
  return `${typeOnly(btf, btf.target(prototype))}${name}(${params.join(", ")})`;
}

/** A type in front of a name, always with a space behind it: `struct __sk_buff * `. */
function typeOnly(btf: Btf, id: number): string {
  if (id === 0) return "void ";
  const kind = btf.kind(id);
  switch (kind) {
    case BtfKind.Ptr:
      return `${typeOnly(btf, btf.target(id))}* `;
    case BtfKind.TypeTag:
      return typeOnly(btf, btf.target(id));
    case BtfKind.FuncProto:
      return prototypeText(btf, id, "");
    case BtfKind.Fwd:
      return `${btf.kindFlag(id) ? "union" : "struct"} ${btf.name(id)} `;
    case BtfKind.Array: {
      const { element, length } = btf.array(id);
      return `${typeOnly(btf, element)}[${length}]`;
    }
    default: {
      const modifier = MODIFIERS.get(kind);
      if (modifier !== undefined) return `${modifier}${typeOnly(btf, btf.target(id))}`;
      return `${TAGS.get(kind) ?? ""}${btf.name(id)} `;
    }
  }
}
