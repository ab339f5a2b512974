import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfIntEncoding, BtfKind, isEnum } from "../kind.ts";
import { essentialName } from "./relocation.ts";
import { kindsAreCompatible } from "./spec.ts";

const maxDepth = 32;

/** Two types to compare, each in its BTF. */
interface Pair {
  readonly localBtf: Btf;
  readonly local: number;
  readonly btf: Btf;
  readonly target: number;
}

/** Whether TYPE_EXISTS and TYPE_SIZE accept the target: the same kinds, names of composites aside. */
export function typesAreCompatible(pair: Pair, depth: number = maxDepth): boolean {
  let { local, target } = pair;
  const { localBtf, btf } = pair;
  if (depth < 0) throw tooDeep(pair);
  if (depth === maxDepth && !kindsAreCompatible(localBtf.kind(local), btf.kind(target))) return false;
  for (let step = 0; step < maxDepth; step++) {
    local = localBtf.resolve(local);
    target = btf.resolve(target);
    const kind = localBtf.kind(local);
    if (!kindsAreCompatible(kind, btf.kind(target))) return false;
    switch (kind) {
      case BtfKind.Void:
      case BtfKind.Struct:
      case BtfKind.Union:
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Fwd:
        return true;
      case BtfKind.Int:
        return localBtf.int(local).bitOffset === 0 && btf.int(target).bitOffset === 0;
      case BtfKind.Ptr:
        [local, target] = [localBtf.target(local), btf.target(target)];
        break;
      case BtfKind.Array:
        [local, target] = [localBtf.array(local).element, btf.array(target).element];
        break;
      case BtfKind.FuncProto:
        if (!paramPairs({ ...pair, local, target })?.every((next) => typesAreCompatible(next, depth - 1)))
          return false;
        [local, target] = [localBtf.target(local), btf.target(target)];
        break;
      default:
        return false;
    }
  }
  throw tooDeep(pair);
}

/** Whether TYPE_MATCHES holds: names, members and enumerators of the local type all exist in the target. */
export function typesMatch(pair: Pair, behindPointer = false, depth: number = maxDepth): boolean {
  if (depth <= 0) throw tooDeep(pair);
  const { localBtf, btf } = pair;
  let { local, target } = pair;
  let viaPointer = behindPointer;
  for (let step = 0; step < maxDepth; step++) {
    local = localBtf.resolve(local);
    target = btf.resolve(target);
    if (!sameEssentialName(localBtf.name(local), btf.name(target))) return false;
    const kind = localBtf.kind(local);
    const targetKind = btf.kind(target);
    const at = { localBtf, local, btf, target };
    switch (kind) {
      case BtfKind.Fwd:
        return forwardMatches(at, viaPointer);
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return isEnum(targetKind) && enumsMatch(at);
      case BtfKind.Struct:
      case BtfKind.Union:
        if (kind === targetKind) return viaPointer || membersMatch(at, depth);
        return viaPointer && targetKind === BtfKind.Fwd && (kind === BtfKind.Union) === btf.kindFlag(target);
      case BtfKind.Int:
        return kind === targetKind && intsMatch(at);
      case BtfKind.Ptr:
        if (kind !== targetKind) return false;
        viaPointer = true;
        [local, target] = [localBtf.target(local), btf.target(target)];
        break;
      case BtfKind.Array: {
        if (kind !== targetKind) return false;
        const [a, b] = [localBtf.array(local), btf.array(target)];
        if (a.length !== b.length) return false;
        [local, target] = [a.element, b.element];
        break;
      }
      case BtfKind.FuncProto: {
        if (kind !== targetKind) return false;
        const params = paramPairs(at);
        const pointer = viaPointer;
        if (!params?.every((next) => typesMatch(next, pointer, depth - 1))) return false;
        [local, target] = [localBtf.target(local), btf.target(target)];
        break;
      }
      default:
        return kind === BtfKind.Void && targetKind === BtfKind.Void;
    }
  }
  throw tooDeep(pair);
}

function forwardMatches({ localBtf, local, btf, target }: Pair, behindPointer: boolean): boolean {
  const union = localBtf.kindFlag(local);
  const targetKind = btf.kind(target);
  if (targetKind === BtfKind.Fwd) return union === btf.kindFlag(target);
  return behindPointer && targetKind === (union ? BtfKind.Union : BtfKind.Struct);
}

function enumsMatch({ localBtf, local, btf, target }: Pair): boolean {
  if (localBtf.size(local) !== btf.size(target)) return false;
  const names = new Set(btf.enumerators(target).map(({ name }) => essentialName(name)));
  return (
    localBtf.vlen(local) <= btf.vlen(target) &&
    localBtf.enumerators(local).every(({ name }) => names.has(essentialName(name)))
  );
}

function membersMatch({ localBtf, local, btf, target }: Pair, depth: number): boolean {
  if (localBtf.vlen(local) > btf.vlen(target)) return false;
  const targets = btf.members(target);
  return localBtf
    .members(local)
    .every((member) =>
      targets.some(
        (other) =>
          sameEssentialName(member.name, other.name) &&
          typesMatch({ localBtf, local: member.type, btf, target: other.type }, false, depth - 1),
      ),
    );
}

function intsMatch({ localBtf, local, btf, target }: Pair): boolean {
  const [a, b] = [localBtf.int(local), btf.int(target)];
  return a.size === b.size && ((a.encoding ^ b.encoding) & BtfIntEncoding.Signed) === 0;
}

/** Parameters side by side; undefined when their counts differ. */
function paramPairs({ localBtf, local, btf, target }: Pair): Pair[] | undefined {
  const [locals, targets] = [localBtf.params(local), btf.params(target)];
  if (locals.length !== targets.length) return undefined;
  return locals.map((param, index) => ({
    localBtf,
    local: param.type,
    btf,
    target: targets[index]!.type,
  }));
}

function sameEssentialName(a: string, b: string): boolean {
  return essentialName(a) === essentialName(b);
}

function tooDeep({ localBtf, local }: Pair): BtfError {
  return new BtfError("btf/loop", `Type ${localBtf.name(local) || local} nests too deeply to be compared`);
}
