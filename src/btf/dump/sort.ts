import { BtfError } from "../error.ts";
import { BtfKind } from "../kind.ts";
import { compareTexts, sortByText } from "./name-order.ts";
import { HEAD, kindSet, nameOf, onwardOf } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";
import { TypeHashes } from "./type-hash.ts";

const lastRank = 10;
const maxDepth = 64;

/** Kinds of which a C header says nothing: they need no place in the order. */
const silent = kindSet([BtfKind.Func, BtfKind.Var, BtfKind.Datasec, BtfKind.DeclTag]);
/** Ids in bpftool 7.8's order. */
export interface SortedTypes {
  /** Enums, base types, structs, prototypes with a name: by rank, and within one by name, make-up and id. */
  readonly ranked: Uint32Array;
  /** The rest in the same order, of those that `matters` says yes to. */
  readonly rest: (matters: (id: number) => boolean) => Uint32Array;
}

/**
 * Sorts types by the name of what they lead to, then by their own name, a hash of their make-up, and id. Of a
 * kernel's types most are pointers and prototypes without a name, which come last and seldom say anything new.
 */
export function sortForC(table: TypeTable): SortedTypes {
  const { count, kinds } = table;
  const facts: Facts = {
    ranks: new Uint8Array(count).fill(lastRank),
    sortNames: new Uint32Array(count),
    ends: new Uint32Array(count),
  };
  const ids = new Uint32Array(count);
  let length = 0;
  for (let id = 1; id < count; id++) {
    const kind = kinds[id]!;
    if (silent[kind] === 1) continue;
    // Without a name only an enum of its own has a better rank than the last.
    if (nameOf(table, id) === 0 && kind !== BtfKind.Enum && kind !== BtfKind.Enum64) continue;
    follow(table, id, facts);
    if (facts.ranks[id] !== lastRank) ids[length++] = id;
  }
  return {
    ranked: sortIds(table, ids.slice(0, length), facts),
    rest: (matters) => {
      const rest: number[] = [];
      for (let id = 1; id < count; id++)
        if (silent[kinds[id]!] === 0 && facts.ranks[id] === lastRank && matters(id)) rest.push(id);
      for (const id of rest) follow(table, id, facts);
      return sortIds(table, Uint32Array.from(rest), facts);
    },
  };
}

function sortIds(table: TypeTable, ids: Uint32Array, facts: Facts): Uint32Array {
  const { count } = table;
  const { places, span } = namePlaces(table, ids, facts.sortNames);
  if (lastRank * span * span * count > Number.MAX_SAFE_INTEGER)
    throw new BtfError("btf/too-large", `${count} types are too many to be sorted`);
  // Rank, sort name, own name and id as one number: some 4 + 2 * 16 + 17 bits of the 53 there are.
  const keys = new Float64Array(ids.length);
  for (let index = 0; index < ids.length; index++) {
    const id = ids[index]!;
    const names = places[facts.sortNames[id]!]! * span + places[nameOf(table, id)]!;
    keys[index] = (facts.ranks[id]! * span * span + names) * count + id;
  }
  keys.sort();
  for (let index = 0; index < ids.length; index++) ids[index] = keys[index]! % count;
  sortTies(table, keys, ids, facts);
  return ids;
}

interface Facts {
  readonly ranks: Uint8Array;
  /** Offset of the name to sort by; that of the first enumerator for an enum without one. */
  readonly sortNames: Uint32Array;
  /** The type that a type leads to in the end. */
  readonly ends: Uint32Array;
}

/** Goes from a type to what it leads to, and notes what the order depends on. */
function follow(table: TypeTable, start: number, { ranks, sortNames, ends }: Facts): void {
  const { kinds, starts, words } = table;
  let rank = 0;
  let hasName = false;
  let id = start;
  for (let depth = 0; depth < maxDepth; depth++) {
    const kind = kinds[id]!;
    const name = nameOf(table, id);
    hasName ||= name !== 0;
    const onward = onwardOf(table, id);
    if (rank === 0) {
      if (onward >= 0) rank = hasName ? 0 : lastRank;
      else rank = rankOf(kind, hasName);
    }
    if (onward < 0) {
      const isEnum = kind === BtfKind.Enum || kind === BtfKind.Enum64;
      const first = isEnum && name === 0 && id === start && (words[starts[id]! + 1]! & 0xff_ffff) > 0;
      // An anonymous enum comes before all others: its rank is 0, which above means not known yet.
      ranks[start] = isEnum && rank === ANONYMOUS_ENUM ? 0 : rank;
      sortNames[start] = first ? words[starts[id]! + HEAD]! : name;
      ends[start] = id;
      return;
    }
    id = onward;
  }
  throw new BtfError("btf/loop", `BTF type ${start} leads to no end`);
}

const ANONYMOUS_ENUM = 11;

function rankOf(kind: number, hasName: boolean): number {
  switch (kind) {
    case BtfKind.Enum:
    case BtfKind.Enum64:
      return hasName ? 1 : ANONYMOUS_ENUM;
    case BtfKind.Int:
    case BtfKind.Float:
      return 2;
    case BtfKind.Struct:
    case BtfKind.Union:
      return hasName ? 3 : lastRank;
    case BtfKind.FuncProto:
      return hasName ? 4 : lastRank;
    default:
      return lastRank;
  }
}

/** Orders types that only differ in their ids by the hash of their make-up. */
function sortTies(table: TypeTable, keys: Float64Array, sorted: Uint32Array, { ranks, ends }: Facts): void {
  const hashes = new TypeHashes(table);
  const group = (index: number): number => (keys[index]! - sorted[index]!) / table.count;
  let start = 0;
  let key = sorted.length > 0 ? group(0) : 0;
  for (let index = 1; index <= sorted.length; index++) {
    const next = index < sorted.length ? group(index) : -1;
    if (next === key) continue;
    if (index > start + 1 && matters(sorted, start, index, ranks, ends))
      sortByHash(sorted.subarray(start, index), hashes);
    start = index;
    key = next;
  }
}

/** Whatever leads to one type makes the header say the same, in any order. */
function matters(
  sorted: Uint32Array,
  start: number,
  end: number,
  ranks: Uint8Array,
  ends: Uint32Array,
): boolean {
  if (ranks[sorted[start]!] !== lastRank) return true;
  const first = ends[sorted[start]!]!;
  for (let index = start + 1; index < end; index++) if (ends[sorted[index]!] !== first) return true;
  return false;
}

/** Most hashes are zero, those of prototypes and of what leads to them: these stay in front as they are. */
function sortByHash(ids: Uint32Array, hashes: TypeHashes): void {
  const hashed: { readonly id: number; readonly high: number; readonly low: number }[] = [];
  let length = 0;
  for (const id of ids) {
    hashes.compute(id);
    const { high, low } = hashes;
    if (high === 0 && low === 0) ids[length++] = id;
    else hashed.push({ id, high, low });
  }
  hashed.sort((a, b) => a.high - b.high || a.low - b.low || a.id - b.id);
  for (const { id } of hashed) ids[length++] = id;
}

/** By the offset of a name, its place in byte order, of `span`; equal names share one. */
function namePlaces(
  table: TypeTable,
  ids: Uint32Array,
  sortNames: Uint32Array,
): { readonly places: Uint32Array; readonly span: number } {
  const { strings } = table;
  const places = new Uint32Array(strings.length + 1);
  const offsets = new Uint32Array(ids.length * 2);
  let length = 0;
  for (const id of ids) {
    const own = nameOf(table, id);
    if (own !== 0 && places[own] === 0) {
      offsets[length++] = own;
      places[own] = 1;
    }
    const other = sortNames[id]!;
    if (other !== 0 && places[other] === 0) {
      offsets[length++] = other;
      places[other] = 1;
    }
  }
  const names = offsets.subarray(0, length);
  sortByText(strings, names);
  let place = 0;
  let previous = 0;
  for (const offset of names) {
    if (compareTexts(strings, offset, previous) !== 0) place++;
    places[offset] = place;
    previous = offset;
  }
  return { places, span: place + 1 };
}
