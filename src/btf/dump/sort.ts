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
  const count = btf.typeCount;
  const ids = new Uint32Array(count);
  const sortNames = new Uint32Array(count);
  let length = 0;
  for (let id = 0; id < count; id++) {
    if (silent.has(btf.kind(id))) continue;
    sortNames[id] = sortNameOffset(btf, id);
    ids[length++] = id;
  }
  const { places, span } = namePlaces(btf, ids.subarray(0, length), sortNames);
  if (lastRank * span * span * count > Number.MAX_SAFE_INTEGER)
    throw new BtfError("btf/too-large", `${count} types are too many to be sorted`);
  // Rank, sort name, own name and id as one number: some 4 + 2 * 16 + 17 bits of the 53 there are.
  const keys = new Float64Array(length);
  for (let index = 0; index < length; index++) {
    const id = ids[index]!;
    const names = places[sortNames[id]!]! * span + places[btf.nameOffset(id)]!;
    keys[index] = (rank(btf, id) * span * span + names) * count + id;
  }
  keys.sort();
  const sorted = ids.subarray(0, length);
  for (let index = 0; index < length; index++) sorted[index] = keys[index]! % count;
  sortTies(btf, keys, sorted);
  return sorted;
}

/** Orders types that only differ in their ids by the hash of their make-up. */
function sortTies(btf: Btf, keys: Float64Array, sorted: Uint32Array): void {
  const hashes = new TypeHashes(btf);
  const group = (index: number): number => (keys[index]! - sorted[index]!) / btf.typeCount;
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    const key = group(start);
    for (end = start + 1; end < sorted.length && group(end) === key;) end++;
    if (end > start + 1) sortByHash(sorted.subarray(start, end), hashes);
  }
}

/** Most hashes are zero, those of prototypes and of what leads to them: these stay in front as they are. */
function sortByHash(ids: Uint32Array, hashes: TypeHashes): void {
  const hashed: { readonly id: number; readonly hash: Hash }[] = [];
  let length = 0;
  for (const id of ids) {
    const hash = hashes.of(id, true);
    if (hash.high === 0 && hash.low === 0) ids[length++] = id;
    else hashed.push({ id, hash });
  }
  hashed.sort((a, b) => a.hash.high - b.hash.high || a.hash.low - b.hash.low || a.id - b.id);
  for (const { id } of hashed) ids[length++] = id;
}

/** By the offset of a name, its place in byte order, of `span`; equal names share one. */
function namePlaces(
  btf: Btf,
  ids: Uint32Array,
  sortNames: Uint32Array,
): { readonly places: Uint32Array; readonly span: number } {
  const places = new Uint32Array(btf.stringEnd);
  const names: { readonly offset: number; readonly text: string }[] = [];
  const note = (offset: number): void => {
    if (offset === 0 || places[offset]! > 0) return;
    names.push({ offset, text: btf.string(offset) });
    places[offset] = 1;
  };
  for (const id of ids) {
    note(btf.nameOffset(id));
    note(sortNames[id]!);
  }
  names.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  let place = 0;
  let previous = "";
  for (const { offset, text } of names) {
    if (text !== previous) place++;
    places[offset] = place;
    previous = text;
  }
  return { places, span: place + 1 };
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

  of(id: number, withMembers: boolean, depth = 0): Hash {
    if (this.#btf.kind(id) === BtfKind.FuncProto) return zero;
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
      for (let index = 0, count = btf.vlen(id); index < count; index++)
        hash = withName(hash, btf.enumeratorName(id, index));
    } else if (kind === BtfKind.Struct || kind === BtfKind.Union) {
      if (!withMembers) return hash;
      for (let index = 0, count = btf.vlen(id); index < count; index++) {
        const member = this.of(btf.memberType(id, index), false, depth + 1);
        hash = step(withName(hash, btf.memberName(id, index)), member);
      }
    } else {
      if (kind === BtfKind.Array) hash = step(hash, { high: 0, low: btf.array(id).length });
      const target = next(btf, id, kind);
      if (target !== undefined) hash = step(hash, this.of(target, withMembers, depth + 1));
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
  if (hash === zero && value === zero) return zero;
  const low = hash.low * 31 + value.low;
  const high = hash.high * 31 + value.high + Math.floor(low / 0x1_0000_0000);
  return { high: high % 0x1_0000_0000, low: low % 0x1_0000_0000 };
}

function withName(hash: Hash, name: string): Hash {
  if (name === "") return hash;
  let high = 0;
  let low = 0;
  for (let index = 0; index < name.length; index++) {
    low = low * 31 + name.charCodeAt(index);
    high = (high * 31 + Math.floor(low / 0x1_0000_0000)) % 0x1_0000_0000;
    low %= 0x1_0000_0000;
  }
  return step(hash, { high, low });
}

function tooDeep(id: number): BtfError {
  return new BtfError("btf/loop", `BTF type ${id} leads to no end`);
}
