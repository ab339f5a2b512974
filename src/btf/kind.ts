/** BTF_KIND_*, as in the kernel's include/uapi/linux/btf.h. */
export const BtfKind = {
  Void: 0,
  Int: 1,
  Ptr: 2,
  Array: 3,
  Struct: 4,
  Union: 5,
  Enum: 6,
  Fwd: 7,
  Typedef: 8,
  Volatile: 9,
  Const: 10,
  Restrict: 11,
  Func: 12,
  FuncProto: 13,
  Var: 14,
  Datasec: 15,
  Float: 16,
  DeclTag: 17,
  TypeTag: 18,
  Enum64: 19,
} as const;
export type BtfKind = (typeof BtfKind)[keyof typeof BtfKind];

/** A kind's value at its own index: narrows a number read from bytes. */
export const kindsByNumber: readonly BtfKind[] = Object.values(BtfKind);

/** What a word of a type is: a string offset, a type id, or a plain number. */
export type WordRole = "name" | "type" | "number";

interface KindRow {
  /** As bpftool prints it. */
  readonly name: string;
  /** The third word of struct btf_type is the id of another type, not a size. */
  readonly refersToType: boolean;
  /** Words (4 bytes) behind struct btf_type. */
  readonly fixed: readonly WordRole[];
  /** Words of each of the vlen items behind those. */
  readonly item: readonly WordRole[];
}

function row(
  name: string,
  shape: {
    readonly to?: "type";
    readonly fixed?: readonly WordRole[];
    readonly item?: readonly WordRole[];
  } = {},
): KindRow {
  return { name, refersToType: shape.to === "type", fixed: shape.fixed ?? [], item: shape.item ?? [] };
}

const member: readonly WordRole[] = ["name", "type", "number"];

/** Shape of each kind, indexed by {@link BtfKind}. */
export const kindTable: readonly KindRow[] = [
  row("VOID"),
  row("INT", { fixed: ["number"] }),
  row("PTR", { to: "type" }),
  row("ARRAY", { fixed: ["type", "type", "number"] }),
  row("STRUCT", { item: member }),
  row("UNION", { item: member }),
  row("ENUM", { item: ["name", "number"] }),
  row("FWD"),
  row("TYPEDEF", { to: "type" }),
  row("VOLATILE", { to: "type" }),
  row("CONST", { to: "type" }),
  row("RESTRICT", { to: "type" }),
  row("FUNC", { to: "type" }),
  row("FUNC_PROTO", { to: "type", item: ["name", "type"] }),
  row("VAR", { to: "type", fixed: ["number"] }),
  row("DATASEC", { item: ["type", "number", "number"] }),
  row("FLOAT"),
  row("DECL_TAG", { to: "type", fixed: ["number"] }),
  row("TYPE_TAG", { to: "type" }),
  row("ENUM64", { item: ["name", "number", "number"] }),
];

export const BtfIntEncoding = { Signed: 1, Char: 2, Bool: 4 } as const;

/** BTF_FUNC_STATIC and so on; the vlen of a FUNC. */
export const BtfLinkage = { Static: 0, Global: 1, Extern: 2 } as const;

const modifiers: ReadonlySet<BtfKind> = new Set<BtfKind>([
  BtfKind.Const,
  BtfKind.Volatile,
  BtfKind.Restrict,
  BtfKind.TypeTag,
]);

/** const, volatile, restrict and type tags: the type behind them has the same layout and name. */
export function isModifier(kind: BtfKind): boolean {
  return modifiers.has(kind);
}

export function isComposite(kind: BtfKind): boolean {
  return kind === BtfKind.Struct || kind === BtfKind.Union;
}

export function isEnum(kind: BtfKind): boolean {
  return kind === BtfKind.Enum || kind === BtfKind.Enum64;
}
