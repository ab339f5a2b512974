import type { Btf } from "../btf.ts";
import { BtfIntEncoding, BtfKind, BtfLinkage, kindTable } from "../kind.ts";
import { HEAD, kindFlagOf, nameOf, tabulate, targetOf, vlenOf } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

/** Told what BTF holds, type by type, in bpftool's words; names are offsets among the strings. */
export interface RawVisitor {
  type(id: number, kind: string, name: number): void;
  /** Of the type; of the item, once there is one. */
  number(label: string, value: number): void;
  word(label: string, text: string): void;
  /** Items follow, if there are any. */
  list(label: string): void;
  item(name: number): void;
  /** Of an item of an ENUM64. */
  value(value: bigint, signed: boolean): void;
  /** An item of a DATASEC, which has no name. */
  variable(type: number, offset: number, size: number): void;
  end(): void;
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

/** Types to be visited. */
export class RawTypes {
  /** Ends in NUL. */
  readonly strings: Uint8Array;
  readonly #table: TypeTable;

  /** @throws BtfError for broken BTF */
  constructor(btf: Btf) {
    this.#table = tabulate(btf);
    this.strings = this.#table.strings;
  }

  visit(id: number, visitor: RawVisitor): void {
    visitType(this.#table, id, visitor);
  }

  kindName(id: number): string {
    return rawKindName(this.#table.kinds[id]!);
  }

  name(id: number): number {
    return nameOf(this.#table, id);
  }
}

/** The kind's name in bpftool's words. */
function rawKindName(kind: number): string {
  return kind === BtfKind.Void ? "UNKNOWN" : kindTable[kind]!.name;
}

function visitType(table: TypeTable, id: number, visitor: RawVisitor): void {
  const { words, starts } = table;
  const kind = table.kinds[id]!;
  const at = starts[id]! + HEAD;
  visitor.type(id, rawKindName(kind), nameOf(table, id));
  switch (kind) {
    case BtfKind.Void:
      break;
    case BtfKind.Int: {
      const data = words[at]!;
      visitor.number("size", sizeOf(table, id));
      visitor.number("bits_offset", (data >>> 16) & 0xff);
      visitor.number("nr_bits", data & 0xff);
      visitor.word("encoding", ENCODINGS[(data >>> 24) & 0xf] ?? "UNKN");
      break;
    }
    case BtfKind.Array:
      visitor.number("type_id", words[at]!);
      visitor.number("index_type_id", words[at + 1]!);
      visitor.number("nr_elems", words[at + 2]!);
      break;
    case BtfKind.Struct:
    case BtfKind.Union:
      visitMembers(table, id, visitor);
      break;
    case BtfKind.Enum:
    case BtfKind.Enum64:
      visitEnumerators(table, id, visitor);
      break;
    case BtfKind.Fwd:
      visitor.word("fwd_kind", kindFlagOf(table, id) ? "union" : "struct");
      break;
    case BtfKind.Func:
      visitor.number("type_id", targetOf(table, id));
      visitor.word("linkage", LINKAGES[vlenOf(table, id)] ?? "(unknown)");
      break;
    case BtfKind.FuncProto:
      visitParameters(table, id, visitor);
      break;
    case BtfKind.Var:
      visitor.number("type_id", targetOf(table, id));
      visitor.word("linkage", LINKAGES[words[at]!] ?? "(unknown)");
      break;
    case BtfKind.Datasec:
      visitVariables(table, id, visitor);
      break;
    case BtfKind.Float:
      visitor.number("size", sizeOf(table, id));
      break;
    case BtfKind.DeclTag:
      visitor.number("type_id", targetOf(table, id));
      visitor.number("component_idx", words[at]! | 0);
      break;
    default:
      visitor.number("type_id", targetOf(table, id));
  }
  visitor.end();
}

/** Of the kinds whose third word is no type. */
const sizeOf = targetOf;

function visitMembers(table: TypeTable, id: number, visitor: RawVisitor): void {
  const { words, starts } = table;
  const count = vlenOf(table, id);
  const flagged = kindFlagOf(table, id);
  visitor.number("size", sizeOf(table, id));
  visitor.number("vlen", count);
  visitor.list("members");
  for (let at = starts[id]! + HEAD, left = count; left > 0; left--, at += 3) {
    const place = words[at + 2]!;
    visitor.item(words[at]!);
    visitor.number("type_id", words[at + 1]!);
    visitor.number("bits_offset", flagged ? place & 0xff_ffff : place);
    if (flagged && place >>> 24 > 0) visitor.number("bitfield_size", place >>> 24);
  }
}

function visitParameters(table: TypeTable, id: number, visitor: RawVisitor): void {
  const { words, starts } = table;
  const count = vlenOf(table, id);
  visitor.number("ret_type_id", targetOf(table, id));
  visitor.number("vlen", count);
  visitor.list("params");
  for (let at = starts[id]! + HEAD, left = count; left > 0; left--, at += 2) {
    visitor.item(words[at]!);
    visitor.number("type_id", words[at + 1]!);
  }
}

function visitEnumerators(table: TypeTable, id: number, visitor: RawVisitor): void {
  const { words, starts } = table;
  const count = vlenOf(table, id);
  const signed = kindFlagOf(table, id);
  visitor.word("encoding", signed ? "SIGNED" : "UNSIGNED");
  visitor.number("size", sizeOf(table, id));
  visitor.number("vlen", count);
  visitor.list("values");
  const wide = table.kinds[id] === BtfKind.Enum64;
  for (let at = starts[id]! + HEAD, left = count; left > 0; left--, at += wide ? 3 : 2) {
    visitor.item(words[at]!);
    if (wide) visitor.value(wideValue(table, at, signed), signed);
    else visitor.number("val", signed ? words[at + 1]! | 0 : words[at + 1]!);
  }
}

function wideValue({ words }: TypeTable, at: number, signed: boolean): bigint {
  const high = words[at + 2]!;
  return (BigInt(signed ? high | 0 : high) << 32n) | BigInt(words[at + 1]!);
}

function visitVariables(table: TypeTable, id: number, visitor: RawVisitor): void {
  const { words, starts } = table;
  const count = vlenOf(table, id);
  visitor.number("size", sizeOf(table, id));
  visitor.number("vlen", count);
  visitor.list("vars");
  for (let at = starts[id]! + HEAD, left = count; left > 0; left--, at += 3)
    visitor.variable(words[at]!, words[at + 1]!, words[at + 2]!);
}
