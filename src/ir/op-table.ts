import type { BinaryOp, Leaf, Predicate, Value } from "./node.ts";

/** How an instruction stands to the world around it. */
export type Effect =
  /** Depends on its arguments alone. */
  | "pure"
  /** Depends on memory too. */
  | "read"
  /** Changes memory, or the world: never dropped. Calls say more in their {@link CallEffects}. */
  | "write";

interface OpRow {
  readonly effect: Effect;
  /** Number of arguments; undefined: any. */
  readonly args: number | undefined;
  readonly commutes?: boolean;
}

const binary: OpRow = { effect: "pure", args: 2 };
const commutative: OpRow = { effect: "pure", args: 2, commutes: true };
const unary: OpRow = { effect: "pure", args: 1 };
const leaf: OpRow = { effect: "pure", args: 0 };

/** One row an operation. */
export const OPS: Readonly<Record<Value["op"], OpRow>> = {
  const: leaf,
  param: leaf,
  alloca: leaf,
  mapRef: leaf,
  mapValue: leaf,
  functionRef: leaf,
  loadTime: leaf,
  ksym: leaf,
  phi: { effect: "pure", args: undefined },
  add: commutative,
  sub: binary,
  mul: commutative,
  udiv: binary,
  sdiv: binary,
  umod: binary,
  smod: binary,
  and: commutative,
  or: commutative,
  xor: commutative,
  shl: binary,
  lshr: binary,
  ashr: binary,
  neg: unary,
  bswap16: unary,
  bswap32: unary,
  bswap64: unary,
  trunc: unary,
  zext8: unary,
  zext16: unary,
  zext32: unary,
  sext8: unary,
  sext16: unary,
  sext32: unary,
  compare: binary,
  select: { effect: "pure", args: 3 },
  load: { effect: "read", args: 1 },
  store: { effect: "write", args: 2 },
  copy: { effect: "write", args: 2 },
  fill: { effect: "write", args: 1 },
  atomic: { effect: "write", args: undefined },
  call: { effect: "write", args: undefined },
};

interface PredicateRow {
  /** The opposite answer. */
  readonly not: Predicate;
  /** The same answer with the sides exchanged. */
  readonly swapped: Predicate;
  readonly signed?: boolean;
}

export const PREDICATES: Readonly<Record<Predicate, PredicateRow>> = {
  eq: { not: "ne", swapped: "eq" },
  ne: { not: "eq", swapped: "ne" },
  ult: { not: "uge", swapped: "ugt" },
  ule: { not: "ugt", swapped: "uge" },
  ugt: { not: "ule", swapped: "ult" },
  uge: { not: "ult", swapped: "ule" },
  slt: { not: "sge", swapped: "sgt", signed: true },
  sle: { not: "sgt", swapped: "sge", signed: true },
  sgt: { not: "sle", swapped: "slt", signed: true },
  sge: { not: "slt", swapped: "sle", signed: true },
  set: { not: "clear", swapped: "set" },
  clear: { not: "set", swapped: "clear" },
};

const BINARY_OPS: ReadonlySet<string> = new Set<BinaryOp>([
  "add",
  "sub",
  "mul",
  "udiv",
  "sdiv",
  "umod",
  "smod",
  "and",
  "or",
  "xor",
  "shl",
  "lshr",
  "ashr",
]);

export function isBinary(op: string): op is BinaryOp {
  return BINARY_OPS.has(op);
}

export function isLeaf(value: Value): value is Leaf {
  return OPS[value.op] === leaf;
}

/** Whether the value may go when nobody uses it. */
export function isDiscardable(value: Value): boolean {
  if (value.op === "call") {
    const { pure, discardable, writes } = value.effects;
    return pure === true || (discardable === true && writes?.length === 0);
  }
  return OPS[value.op].effect !== "write";
}
