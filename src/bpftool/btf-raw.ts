import { BtfIntEncoding, BtfKind, BtfLinkage, isEnum } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { Json } from "./json.ts";

type Members = { readonly [name: string]: Json };

/** One type as `btf dump` prints it raw: the head's words, and one line for each member. */
interface RawType {
  readonly head: readonly (readonly [word: string, value: string | number])[];
  /** What the list of members is called in JSON. */
  readonly list?: string;
  readonly members?: readonly { readonly text: string; readonly json: Members }[];
}

const ENCODINGS: Readonly<Record<number, string>> = {
  0: "(none)",
  [BtfIntEncoding.Signed]: "SIGNED",
  [BtfIntEncoding.Char]: "CHAR",
  [BtfIntEncoding.Bool]: "BOOL",
};
const LINKAGES: Readonly<Record<number, string>> = {
  [BtfLinkage.Static]: "static",
  [BtfLinkage.Global]: "global",
  [BtfLinkage.Extern]: "extern",
};

/** All own types, or those asked for. */
export function rawText(btf: Btf, ids: Iterable<number>): string {
  const lines: string[] = [];
  for (const id of ids) {
    const { head, members = [] } = rawType(btf, id);
    // A variable's id and linkage alone stand with a comma between them.
    const comma = btf.kind(id) === BtfKind.Var ? "," : "";
    const words = head.map(([word, value]) => `${word}=${value}`).join(`${comma} `);
    const name = btf.name(id);
    lines.push(
      `[${id}] ${btf.kindName(id)} '${name === "" ? "(anon)" : name}'${words === "" ? "" : ` ${words}`}`,
    );
    for (const { text } of members) lines.push(`\t${text}`);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

export function rawJson(btf: Btf, ids: Iterable<number>): Json {
  return {
    types: Array.from(ids, (id) => {
      const { head, list, members = [] } = rawType(btf, id);
      const name = btf.name(id);
      return {
        id,
        kind: btf.kindName(id),
        name: name === "" ? "(anon)" : name,
        ...Object.fromEntries(head),
        ...(list !== undefined && { [list]: members.map(({ json }) => json) }),
      };
    }),
  };
}

function rawType(btf: Btf, id: number): RawType {
  const kind = btf.kind(id);
  if (isEnum(kind)) return rawEnum(btf, id);
  switch (kind) {
    case BtfKind.Int: {
      const { size, encoding, bits, bitOffset } = btf.int(id);
      return {
        head: [
          ["size", size],
          ["bits_offset", bitOffset],
          ["nr_bits", bits],
          ["encoding", ENCODINGS[encoding] ?? "UNKN"],
        ],
      };
    }
    case BtfKind.Array: {
      const { element, index, length } = btf.array(id);
      return {
        head: [
          ["type_id", element],
          ["index_type_id", index],
          ["nr_elems", length],
        ],
      };
    }
    case BtfKind.Struct:
    case BtfKind.Union:
      return rawComposite(btf, id);
    case BtfKind.Fwd:
      return { head: [["fwd_kind", btf.kindFlag(id) ? "union" : "struct"]] };
    case BtfKind.Func:
      return {
        head: [
          ["type_id", btf.target(id)],
          ["linkage", LINKAGES[btf.linkage(id)] ?? "(unknown)"],
        ],
      };
    case BtfKind.FuncProto:
      return rawPrototype(btf, id);
    case BtfKind.Var:
      return {
        head: [
          ["type_id", btf.target(id)],
          ["linkage", LINKAGES[btf.linkage(id)] ?? "(unknown)"],
        ],
      };
    case BtfKind.Datasec:
      return rawSection(btf, id);
    case BtfKind.DeclTag:
      return {
        head: [
          ["type_id", btf.target(id)],
          ["component_idx", btf.componentIndex(id)],
        ],
      };
    case BtfKind.Float:
      return { head: [["size", btf.size(id)]] };
    case BtfKind.Void:
      return { head: [] };
    default:
      return { head: [["type_id", btf.target(id)]] };
  }
}

function rawComposite(btf: Btf, id: number): RawType {
  const members = btf.members(id).map(({ name, type, bitOffset, bitSize }) => {
    const shown = name === "" ? "(anon)" : name;
    const bits = bitSize === 0 ? "" : ` bitfield_size=${bitSize}`;
    return {
      text: `'${shown}' type_id=${type} bits_offset=${bitOffset}${bits}`,
      json: {
        name: shown,
        type_id: type,
        bits_offset: bitOffset,
        ...(bitSize !== 0 && { bitfield_size: bitSize }),
      },
    };
  });
  return {
    head: [
      ["size", btf.size(id)],
      ["vlen", members.length],
    ],
    list: "members",
    members,
  };
}

function rawEnum(btf: Btf, id: number): RawType {
  const wide = btf.kind(id) === BtfKind.Enum64;
  const signed = btf.kindFlag(id);
  const suffix = wide ? (signed ? "LL" : "ULL") : "";
  const members = btf.enumerators(id).map(({ name, value }) => ({
    text: `'${name}' val=${value}${suffix}`,
    json: { name, val: value },
  }));
  return {
    head: [
      ["encoding", signed ? "SIGNED" : "UNSIGNED"],
      ["size", btf.size(id)],
      ["vlen", members.length],
    ],
    list: "values",
    members,
  };
}

function rawPrototype(btf: Btf, id: number): RawType {
  const members = btf.params(id).map(({ name, type }) => {
    const shown = name === "" ? "(anon)" : name;
    return { text: `'${shown}' type_id=${type}`, json: { name: shown, type_id: type } };
  });
  return {
    head: [
      ["ret_type_id", btf.target(id)],
      ["vlen", members.length],
    ],
    list: "params",
    members,
  };
}

function rawSection(btf: Btf, id: number): RawType {
  const members = btf.sectionVariables(id).map(({ type, offset, size }) => {
    const known = btf.has(type);
    const name = known ? ` (${btf.kindName(type)} '${btf.name(type)}')` : "";
    return {
      text: `type_id=${type} offset=${offset} size=${size}${name}`,
      json: { type_id: type, offset, size },
    };
  });
  return {
    head: [
      ["size", btf.size(id)],
      ["vlen", members.length],
    ],
    list: "vars",
    members,
  };
}
