import { type Btf, BtfKind, BtfLinkage } from "../../btf/index.ts";
import { ObjectError } from "../error.ts";
import { readMapDefinition } from "../map-definition.ts";

/** A VAR or FUNC with the file that it comes from. */
export interface DescribedType {
  readonly file: string;
  readonly btf: Btf;
  readonly id: number;
}

/** Types nest; BTF from outside may nest without end. */
const MAX_DEPTH = 64;

/** @throws ObjectError that says where two descriptions of one symbol differ */
export function checkTypesMatch(name: string, a: DescribedType, b: DescribedType): void {
  const difference = differenceOf(a, b, true, MAX_DEPTH);
  if (difference === undefined) return;
  throw new ObjectError("object/link", `${a.file} and ${b.file} describe ${name} differently: ${difference}`);
}

/** A map that is only declared must be declared in full, and the same. */
export function checkMapsMatch(name: string, a: DescribedType, b: DescribedType): void {
  const [first, second] = [a, b].map(({ btf, id }) => readMapDefinition(btf, name, btf.target(id)).spec);
  for (const field of ["type", "keySize", "valueSize", "maxEntries", "flags", "pinByName", "extra"] as const)
    if (first![field] !== second![field])
      throw new ObjectError(
        "object/link",
        `${a.file} and ${b.file} define map ${name} differently: ${field} is ${first![field]} and ${second![field]}`,
      );
  for (const field of ["btfKeyTypeId", "btfValueTypeId"] as const) {
    const [left, right] = [first![field], second![field]];
    if ((left === undefined) !== (right === undefined))
      throw new ObjectError(
        "object/link",
        `Only one of ${a.file} and ${b.file} says the types of map ${name}`,
      );
    if (left !== undefined && right !== undefined)
      checkTypesMatch(name, { ...a, id: left }, { ...b, id: right });
  }
}

/** `exact`: contents of structs count; behind a pointer only their names do, and a declaration is enough. */
function differenceOf(a: DescribedType, b: DescribedType, exact: boolean, depth: number): string | undefined {
  if (depth === 0) return "types nested without end";
  const [left, right] = [a.btf.resolve(a.id), b.btf.resolve(b.id)];
  const [kindA, kindB] = [a.btf.kind(left), b.btf.kind(right)];
  const [nameA, nameB] = [a.btf.name(left), b.btf.name(right)];
  const inner = (idA: number, idB: number, exactInside = exact): string | undefined =>
    differenceOf({ ...a, id: idA }, { ...b, id: idB }, exactInside, depth - 1);
  if (!exact && (kindA === BtfKind.Fwd) !== (kindB === BtfKind.Fwd)) {
    const same = tagOf(a.btf, left) === tagOf(b.btf, right);
    return same ? undefined : `${tagOf(a.btf, left)} and ${tagOf(b.btf, right)}`;
  }
  if (kindA !== kindB) return `${a.btf.kindName(left)} ${nameA} and ${b.btf.kindName(right)} ${nameB}`;
  if (NAMED.has(kindA) && nameA !== nameB) return `${nameA} and ${nameB}`;
  switch (kindA) {
    case BtfKind.Int:
    case BtfKind.Float:
    case BtfKind.Enum:
    case BtfKind.Enum64: {
      const [sizeA, sizeB] = [a.btf.size(left), b.btf.size(right)];
      return sizeA === sizeB ? undefined : `${nameA} of ${sizeA} and ${nameB} of ${sizeB} bytes`;
    }
    case BtfKind.Ptr:
      return inner(a.btf.target(left), b.btf.target(right), false);
    case BtfKind.Array:
      return inner(a.btf.array(left).element, b.btf.array(right).element);
    case BtfKind.Func:
    case BtfKind.Var: {
      const [staticA, staticB] = [a.btf.linkage(left), b.btf.linkage(right)].map(
        (linkage) => linkage === BtfLinkage.Static,
      );
      return staticA === staticB ? inner(a.btf.target(left), b.btf.target(right)) : "one is static";
    }
    case BtfKind.Struct:
    case BtfKind.Union: {
      if (!exact) return undefined;
      const [membersA, membersB] = [a.btf.members(left), b.btf.members(right)];
      if (membersA.length !== membersB.length)
        return `${nameA} with ${membersA.length} and with ${membersB.length} members`;
      for (const [index, member] of membersA.entries()) {
        const other = membersB[index]!;
        if (
          member.name !== other.name ||
          member.bitOffset !== other.bitOffset ||
          member.bitSize !== other.bitSize
        )
          return `member ${member.name} of ${nameA} and ${other.name} of ${nameB}`;
        const difference = inner(member.type, other.type);
        if (difference !== undefined) return difference;
      }
      return undefined;
    }
    case BtfKind.FuncProto: {
      const [paramsA, paramsB] = [a.btf.params(left), b.btf.params(right)];
      if (paramsA.length !== paramsB.length)
        return `functions of ${paramsA.length} and of ${paramsB.length} arguments`;
      for (const [index, { type }] of paramsA.entries()) {
        const difference = inner(type, paramsB[index]!.type);
        if (difference !== undefined) return difference;
      }
      return inner(a.btf.target(left), b.btf.target(right));
    }
    default:
      return undefined;
  }
}

const NAMED: ReadonlySet<BtfKind> = new Set<BtfKind>([
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Fwd,
  BtfKind.Func,
  BtfKind.Var,
]);

/** `struct x`, of a definition or a declaration. */
function tagOf(btf: Btf, id: number): string {
  const kind = btf.kind(id);
  const union = kind === BtfKind.Union || (kind === BtfKind.Fwd && btf.kindFlag(id));
  const tag = kind === BtfKind.Struct || kind === BtfKind.Union || kind === BtfKind.Fwd;
  return `${tag ? (union ? "union" : "struct") : btf.kindName(id)} ${btf.name(id)}`;
}
