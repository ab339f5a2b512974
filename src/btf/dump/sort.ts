import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfKind, isEnum, kindTable } from "../kind.ts";

const lastRank = 10;
const maxDepth = 64;

/** Kinds of which a C header says nothing: they need no place in the order. */
const silent: ReadonlySet<BtfKind> = new Set<BtfKind>([
  BtfKind.Func,
  BtfKind.Var,
  BtfKind.Datasec,
  BtfKind.DeclTag,
]);

/**
 * Ids in the order of bpftool 7.8: enums, base types, structs, prototypes, the rest; within those by the name
 * of what they lead to, then by their own name, a hash of their make-up, and id. Starts with what is first in
 * that order; void is among them.
 */
export function sortForC(btf: Btf): Uint32Array {
  const ids: number[] = [];
  for (let id = 0; id < btf.typeCount; id++) if (!silent.has(btf.kind(id))) ids.push(id);
  const places = namePlaces(btf, ids);
  const span = places.size + 1;
  const keys = new Float64Array(btf.typeCount);
  for (const id of ids) {
    const sortName = places.get(sortNameOffset(btf, id))!;
    keys[id] = (rank(btf, id) * span + sortName) * span + places.get(btf.nameOffset(id))!;
  }
  const hashes = new TypeHashes(btf);
  return Uint32Array.from(ids).sort((a, b) => keys[a]! - keys[b]! || hashes.compare(a, b) || a - b);
}

/** Place of each string in byte order; equal strings share one. */
function namePlaces(btf: Btf, ids: readonly number[]): Map<number, number> {
  const offsets = new Set<number>([0]);
  for (const id of ids) offsets.add(btf.nameOffset(id)).add(sortNameOffset(btf, id));
  const names = Array.from(offsets, (offset) => ({ offset, text: offset === 0 ? "" : btf.string(offset) }));
  names.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const places = new Map<number, number>();
  let place = 0;
  names.forEach(({ offset, text }, index) => {
    if (index > 0 && text !== names[index - 1]!.text) place++;
    places.set(offset, place);
  });
  return places;
}

/** What a pointer, array, typedef, modifier or tag leads to next; undefined for all else. */
function next(btf: Btf, id: number, kind: BtfKind): number | undefined {
  if (kind === BtfKind.Array) return btf.array(id).element;
  if (kind === BtfKind.FuncProto || !kindTable[kind]!.refersToType || silent.has(kind)) return undefined;
  return btf.target(id);
}

function rank(btf: Btf, start: number): number {
  let hasName = false;
  for (let id = start, depth = 0; depth < maxDepth; depth++) {
    const kind = btf.kind(id);
    hasName ||= btf.nameOffset(id) !== 0;
    if (isEnum(kind)) return hasName ? 1 : 0;
    if (kind === BtfKind.Int || kind === BtfKind.Float) return 2;
    if (kind === BtfKind.Struct || kind === BtfKind.Union) return hasName ? 3 : lastRank;
    if (kind === BtfKind.FuncProto) return hasName ? 4 : lastRank;
    const target = next(btf, id, kind);
    if (target === undefined || !hasName) return lastRank;
    id = target;
  }
  throw tooDeep(start);
}

/** Offset of the name to sort by; that of the first enumerator for an enum without one. */
function sortNameOffset(btf: Btf, start: number): number {
  for (let id = start, depth = 0; depth < maxDepth; depth++) {
    const kind = btf.kind(id);
    const target = next(btf, id, kind);
    if (target !== undefined) {
      id = target;
      continue;
    }
    const own = btf.nameOffset(id);
    // words: three of struct btf_type, then each enumerator's name offset first.
    if (own === 0 && id === start && isEnum(kind) && btf.vlen(id) > 0) return btf.words(id)[3]!;
    return own;
  }
  throw tooDeep(start);
}

/** 64-bit hashes in two halves: h * 31 + v, computed for the few types that all else leaves equal. */
class TypeHashes {
  readonly #btf: Btf;
  readonly #known = new Map<number, Hash>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  compare(a: number, b: number): number {
    const [left, right] = [this.#of(a, true, 0), this.#of(b, true, 0)];
    return left.high - right.high || left.low - right.low;
  }

  #of(id: number, withMembers: boolean, depth: number): Hash {
    const key = id * 2 + (withMembers ? 1 : 0);
    let hash = this.#known.get(key);
    if (!hash) {
      if (depth > maxDepth) throw tooDeep(id);
      hash = this.#compute(id, withMembers, depth);
      this.#known.set(key, hash);
    }
    return hash;
  }

  #compute(id: number, withMembers: boolean, depth: number): Hash {
    const btf = this.#btf;
    const kind = btf.kind(id);
    let hash = withName(zero, btf.name(id));
    if (isEnum(kind)) {
      for (const { name } of btf.enumerators(id)) hash = withName(hash, name);
    } else if (kind === BtfKind.Struct || kind === BtfKind.Union) {
      if (!withMembers) return hash;
      for (const { name, type } of btf.members(id))
        hash = step(withName(hash, name), this.#of(type, false, depth + 1));
    } else {
      if (kind === BtfKind.Array) hash = step(hash, { high: 0, low: btf.array(id).length });
      const target = next(btf, id, kind);
      if (target !== undefined) hash = step(hash, this.#of(target, withMembers, depth + 1));
    }
    return hash;
  }
}

interface Hash {
  readonly high: number;
  readonly low: number;
}

const zero: Hash = { high: 0, low: 0 };

function step(hash: Hash, value: Hash): Hash {
  const low = hash.low * 31 + value.low;
  const high = hash.high * 31 + value.high + Math.floor(low / 0x1_0000_0000);
  return { high: high % 0x1_0000_0000, low: low % 0x1_0000_0000 };
}

function withName(hash: Hash, name: string): Hash {
  if (name === "") return hash;
  let high = 0;
  let low = 0;
  for (const byte of Buffer.from(name)) {
    low = low * 31 + byte;
    high = (high * 31 + Math.floor(low / 0x1_0000_0000)) % 0x1_0000_0000;
    low %= 0x1_0000_0000;
  }
  return step(hash, { high, low });
}

function tooDeep(id: number): BtfError {
  return new BtfError("btf/loop", `BTF type ${id} leads to no end`);
}
