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

interface KindRow {
  /** As bpftool prints it. */
  readonly name: string;
  /** Words (4 bytes) after the three of struct btf_type. */
  readonly fixedWords: number;
  /** Words for each of the vlen items. */
  readonly itemWords: number;
  /** The third word is the id of another type, not a size. */
  readonly refersToType: boolean;
}

function row(name: string, fixedWords: number, itemWords: number, refersToType: boolean): KindRow {
  return { name, fixedWords, itemWords, refersToType };
}

/** Shape of each kind, indexed by {@link BtfKind}. */
export const kindTable: readonly KindRow[] = [
  row("VOID", 0, 0, false),
  row("INT", 1, 0, false),
  row("PTR", 0, 0, true),
  row("ARRAY", 3, 0, false),
  row("STRUCT", 0, 3, false),
  row("UNION", 0, 3, false),
  row("ENUM", 0, 2, false),
  row("FWD", 0, 0, false),
  row("TYPEDEF", 0, 0, true),
  row("VOLATILE", 0, 0, true),
  row("CONST", 0, 0, true),
  row("RESTRICT", 0, 0, true),
  row("FUNC", 0, 0, true),
  row("FUNC_PROTO", 0, 2, true),
  row("VAR", 1, 0, true),
  row("DATASEC", 0, 3, false),
  row("FLOAT", 0, 0, false),
  row("DECL_TAG", 1, 0, true),
  row("TYPE_TAG", 0, 0, true),
  row("ENUM64", 0, 3, false),
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
