import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfKind, isComposite, isEnum } from "../kind.ts";
import { essentialName } from "./relocation.ts";

/** One step of an access: a member or enumerator (with a name), or an array element (without). */
export interface Accessor {
  /** Type that the step starts from; for array elements the element's type. */
  readonly type: number;
  readonly index: number;
  readonly name?: string;
}

/** An access resolved against one BTF. */
export interface AccessSpec {
  readonly btf: Btf;
  readonly rootType: number;
  readonly accessors: readonly Accessor[];
  /** The whole way, as indices of this BTF: anonymous members too. Empty for a type. */
  readonly steps: readonly number[];
  readonly bitOffset: number;
}

/** Bounds the depth of an access and of nested anonymous members, as BPF_CORE_SPEC_MAX_LEN does. */
const maxSteps = 64;

/** Reads `0:1:2` against the local types; throws where the record does not fit them. */
export function parseAccess(access: string): readonly number[] {
  if (!/^\d{1,10}(:\d{1,10})*$/.test(access))
    throw new BtfError("btf/core", `The access string ${JSON.stringify(access)} is not a list of indices`);
  const steps = access.split(":").map(Number);
  if (steps.length > maxSteps)
    throw new BtfError("btf/core", `The access string has more than ${maxSteps} steps`);
  return steps;
}

export function typeSpec(btf: Btf, type: number): AccessSpec {
  return { btf, rootType: type, accessors: [], steps: [], bitOffset: 0 };
}

export function localEnumerator(btf: Btf, root: number, steps: readonly number[]): AccessSpec {
  const type = btf.resolve(root);
  if (!isEnum(btf.kind(type)) || steps.length !== 1) throw mismatch(btf, root);
  const enumerator = btf.enumerators(type)[steps[0]!];
  if (!enumerator) throw mismatch(btf, root);
  return {
    btf,
    rootType: root,
    accessors: [{ type, index: steps[0]!, name: enumerator.name }],
    steps,
    bitOffset: 0,
  };
}

export function localField(btf: Btf, root: number, steps: readonly number[]): AccessSpec {
  let type = btf.resolve(root);
  const accessors: Accessor[] = [{ type, index: steps[0]! }];
  let bitOffset = steps[0]! * btf.size(type) * 8;
  for (const index of steps.slice(1)) {
    const kind = btf.kind(type);
    if (isComposite(kind)) {
      if (index >= btf.vlen(type)) throw mismatch(btf, root);
      const member = btf.member(type, index);
      bitOffset += member.bitOffset;
      if (member.name !== "") accessors.push({ type, index, name: member.name });
      type = btf.resolve(member.type);
    } else if (kind === BtfKind.Array) {
      const array = btf.array(type);
      if (index >= array.length && !isFlexible(btf, accessors.at(-1), array.length))
        throw mismatch(btf, root);
      type = btf.resolve(array.element);
      accessors.push({ type, index });
      bitOffset += index * btf.size(type) * 8;
    } else {
      throw mismatch(btf, root);
    }
  }
  return { btf, rootType: root, accessors, steps, bitOffset };
}

/** The same enumerator, by essential name, in a target enum. */
export function matchEnumerator(local: AccessSpec, btf: Btf, root: number): AccessSpec | undefined {
  const type = btf.resolve(root);
  if (!isEnum(btf.kind(type))) return undefined;
  const wanted = essentialName(local.accessors[0]!.name!);
  const index = btf.enumerators(type).findIndex(({ name }) => essentialName(name) === wanted);
  if (index < 0) return undefined;
  return { btf, rootType: root, accessors: [{ type, index, name: wanted }], steps: [index], bitOffset: 0 };
}

/** The same field, by names, in a target type; undefined when that has none or one of another shape. */
export function matchField(local: AccessSpec, btf: Btf, root: number): AccessSpec | undefined {
  const accessors: Accessor[] = [];
  const steps: number[] = [];
  let bitOffset = 0;
  let type = root;
  for (const [position, step] of local.accessors.entries()) {
    type = btf.resolve(type);
    if (step.name !== undefined) {
      const found = matchMember(local.btf, step, btf, type, maxSteps);
      if (!found) return undefined;
      accessors.push(found.accessor);
      steps.push(...found.steps);
      bitOffset += found.bitOffset;
      type = found.type;
      continue;
    }
    if (position > 0) {
      if (btf.kind(type) !== BtfKind.Array) return undefined;
      const array = btf.array(type);
      if (step.index >= array.length && !isFlexible(btf, accessors.at(-1), array.length)) return undefined;
      type = btf.resolve(array.element);
    }
    accessors.push({ type, index: step.index });
    steps.push(step.index);
    bitOffset += step.index * btf.size(type) * 8;
  }
  return { btf, rootType: root, accessors, steps, bitOffset };
}

interface MatchedMember {
  readonly accessor: Accessor;
  /** Indices of the anonymous members that it lies in, and its own. */
  readonly steps: readonly number[];
  readonly type: number;
  readonly bitOffset: number;
}

/** Searches anonymous members too; the first of that name decides. */
function matchMember(
  localBtf: Btf,
  wanted: Accessor,
  btf: Btf,
  id: number,
  depth: number,
): MatchedMember | undefined {
  const type = btf.resolve(id);
  if (!isComposite(btf.kind(type))) return undefined;
  if (depth === 0) throw new BtfError("btf/loop", `BTF type ${type} nests anonymous members without end`);
  const localType = localBtf.member(wanted.type, wanted.index).type;
  const count = btf.vlen(type);
  for (let index = 0; index < count; index++) {
    const member = btf.member(type, index);
    if (member.name === "") {
      const inner = matchMember(localBtf, wanted, btf, member.type, depth - 1);
      if (inner)
        return {
          ...inner,
          steps: [index, ...inner.steps],
          bitOffset: inner.bitOffset + member.bitOffset,
        };
    } else if (member.name === wanted.name) {
      if (!fieldsAreCompatible(localBtf, localType, btf, member.type)) return undefined;
      return {
        accessor: { type, index, name: member.name },
        steps: [index],
        type: member.type,
        bitOffset: member.bitOffset,
      };
    }
  }
  return undefined;
}

/** Pointers may point to anything, integers may differ in size, enums and forwards must share their name. */
function fieldsAreCompatible(localBtf: Btf, localId: number, btf: Btf, targetId: number): boolean {
  const local = localBtf.resolve(localId);
  const target = btf.resolve(targetId);
  const localKind = localBtf.kind(local);
  const targetKind = btf.kind(target);
  if (isComposite(localKind) && isComposite(targetKind)) return true;
  if (!kindsAreCompatible(localKind, targetKind)) return false;
  switch (localKind) {
    case BtfKind.Ptr:
    case BtfKind.Float:
      return true;
    case BtfKind.Fwd:
    case BtfKind.Enum:
    case BtfKind.Enum64: {
      const [a, b] = [essentialName(localBtf.name(local)), essentialName(btf.name(target))];
      return a === "" || b === "" || a === b;
    }
    case BtfKind.Int:
      return localBtf.int(local).bitOffset === 0 && btf.int(target).bitOffset === 0;
    case BtfKind.Array:
      // Sizes of the arrays are not looked at. The depth is bounded by both types' sizes being known.
      return elementsAreCompatible(localBtf, local, btf, target);
    default:
      return false;
  }
}

function elementsAreCompatible(localBtf: Btf, local: number, btf: Btf, target: number): boolean {
  let [a, b] = [local, target];
  for (let depth = 0; depth < maxSteps; depth++) {
    if (localBtf.kind(a) !== BtfKind.Array || btf.kind(b) !== BtfKind.Array)
      return fieldsAreCompatible(localBtf, a, btf, b);
    a = localBtf.resolve(localBtf.array(a).element);
    b = btf.resolve(btf.array(b).element);
  }
  throw new BtfError("btf/loop", `BTF type ${local} nests arrays without end`);
}

export function kindsAreCompatible(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnum(a) && isEnum(b));
}

/** An array of length 0 that ends its struct may be indexed at will. */
function isFlexible(btf: Btf, previous: Accessor | undefined, length: number): boolean {
  if (previous?.name === undefined || length > 0) return false;
  return previous.index === btf.vlen(previous.type) - 1;
}

function mismatch(btf: Btf, type: number): BtfError {
  return new BtfError("btf/core", `The relocation's access does not fit type ${btf.name(type) || type}`);
}
