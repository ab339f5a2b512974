import { type Btf, BtfIntEncoding, BtfKind } from "../btf/index.ts";
import type { BtfNamedKind, BtfType, BtfView } from "./world.ts";

const NAMED: Readonly<Record<BtfNamedKind, readonly BtfKind[]>> = {
  struct: [BtfKind.Struct],
  union: [BtfKind.Union],
  enum: [BtfKind.Enum, BtfKind.Enum64],
  typedef: [BtfKind.Typedef],
  int: [BtfKind.Int],
  func: [BtfKind.Func],
};

/** BTF as the language sees it. Types are looked up and decoded when they are asked for, once. */
export function btfView(btf: Btf): BtfView {
  const decoded = new Map<number, BtfType>();
  const found = new Map<string, number | undefined>();
  return {
    find: (kind, name) => {
      const key = `${kind} ${name}`;
      if (!found.has(key)) found.set(key, findNamed(btf, kind, name));
      return found.get(key);
    },
    type: (id) => {
      let type = decoded.get(id);
      if (type === undefined) {
        type = decode(btf, id);
        decoded.set(id, type);
      }
      return type;
    },
    *names(kind) {
      for (let id = 1; id < btf.typeCount; id++) {
        if (!NAMED[kind].includes(btf.kind(id))) continue;
        const name = btf.name(id);
        if (name !== "") yield name;
      }
    },
    enumerator: (name) => {
      const enumerator = btf.findEnumerator(name);
      return enumerator && { value: enumerator.value, enumId: enumerator.type };
    },
  };
}

function findNamed(btf: Btf, kind: BtfNamedKind, name: string): number | undefined {
  for (const one of NAMED[kind]) {
    const id = btf.findByName(name, one);
    if (id !== undefined) return id;
  }
  return undefined;
}

function decode(btf: Btf, id: number): BtfType {
  switch (btf.kind(id)) {
    case BtfKind.Void:
      return { kind: "void" };
    case BtfKind.Int: {
      const { size, encoding } = btf.int(id);
      const name = btf.name(id);
      return {
        kind: "int",
        name,
        size,
        signed: (encoding & BtfIntEncoding.Signed) !== 0,
        bool: (encoding & BtfIntEncoding.Bool) !== 0,
        // The kernel's `char` carries no encoding of its own.
        char: (encoding & BtfIntEncoding.Char) !== 0 || name === "char",
      };
    }
    case BtfKind.Ptr:
      return { kind: "pointer", target: btf.target(id) };
    case BtfKind.Array: {
      const { element, length } = btf.array(id);
      return { kind: "array", element, length };
    }
    case BtfKind.Struct:
    case BtfKind.Union:
      return {
        kind: btf.kind(id) === BtfKind.Union ? "union" : "struct",
        name: btf.name(id),
        size: btf.size(id),
        members: btf.members(id).map(({ name, type, bitOffset, bitSize }) => ({
          name,
          type,
          bitOffset,
          bitWidth: bitSize,
        })),
      };
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return {
        kind: "enum",
        name: btf.name(id),
        size: btf.size(id),
        signed: btf.kindFlag(id),
        values: btf.enumerators(id),
      };
    case BtfKind.Fwd:
      return { kind: "forward", name: btf.name(id), union: btf.kindFlag(id) };
    case BtfKind.Typedef:
      return { kind: "typedef", name: btf.name(id), target: btf.target(id) };
    case BtfKind.TypeTag:
      return { kind: "modifier", target: btf.target(id), tag: btf.name(id) };
    case BtfKind.Const:
    case BtfKind.Volatile:
    case BtfKind.Restrict:
      return { kind: "modifier", target: btf.target(id) };
    case BtfKind.Func:
      return { kind: "function", name: btf.name(id), prototype: btf.target(id) };
    case BtfKind.FuncProto:
      return { kind: "prototype", result: btf.target(id), parameters: btf.params(id) };
    case BtfKind.Float:
      return { kind: "float", size: btf.size(id) };
    default:
      return { kind: "other" };
  }
}
