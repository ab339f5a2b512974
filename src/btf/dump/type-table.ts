import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfKind, kindTable } from "../kind.ts";

/** Words of struct btf_type, in front of what a kind has of its own. */
export const HEAD = 3;

/**
 * All types of a BTF (and of its base) as flat arrays, checked once, so that the loops that run for every type
 * and member of a kernel need neither checks nor calls. `words[starts[id] + HEAD]` is the first word of the
 * kind's own; id 0 is void.
 */
export interface TypeTable {
  /** One more than the highest id. */
  readonly count: number;
  readonly kinds: Uint8Array;
  readonly starts: Uint32Array;
  readonly words: Uint32Array;
  /** Ends in NUL. */
  readonly strings: Uint8Array;
  /** 1 for types that another type refers to, as libbpf counts: not as a function's result or an array's index. */
  readonly referenced: Uint8Array;
}

/** @throws BtfError for names and types that are not there */
export function tabulate(btf: Btf): TypeTable {
  const { words, starts: own, strings } = btf.sections();
  const count = btf.typeCount;
  const kinds = new Uint8Array(count);
  const starts = new Uint32Array(count);
  starts.set(own, 1);
  for (let id = 1; id < count; id++) kinds[id] = (words[starts[id]! + 1]! >>> 24) & 0x7f;
  const table = { count, kinds, starts, words, strings, referenced: new Uint8Array(count) };
  check(table);
  return table;
}

const refers = Uint8Array.from(kindTable, ({ refersToType }) => (refersToType ? 1 : 0));
const fixedWords = Uint8Array.from(kindTable, ({ fixed }) => fixed.length);
const fixedTypes = Uint8Array.from(kindTable, ({ fixed }) => fixed.filter((role) => role === "type").length);
const itemWords = Uint8Array.from(kindTable, ({ item }) => item.length);
/** Where in an item its name and its type are; 255: it has none. */
const itemName = Uint8Array.from(kindTable, ({ item }) => item.indexOf("name") & 0xff);
const itemType = Uint8Array.from(kindTable, ({ item }) => item.indexOf("type") & 0xff);
const NONE = 255;

function badType(from: number, to: number): BtfError {
  return new BtfError("btf/bad-type-id", `BTF type ${from} refers to type ${to}, which does not exist`);
}

function badName(offset: number): BtfError {
  return new BtfError("btf/bad-string", `BTF string offset ${offset} is outside the string section`);
}

/** One pass over all words: names lie in the strings, types exist; marks what is referred to. */
function check({ kinds, starts, words, strings, count, referenced }: TypeTable): void {
  const end = strings.length;
  for (let id = 1; id < count; id++) {
    const kind = kinds[id]!;
    let at = starts[id]!;
    const name = words[at]!;
    if (name >= end) throw badName(name);
    const items = words[at + 1]! & 0xff_ffff;
    if (refers[kind] === 1) {
      const target = words[at + 2]!;
      if (target >= count) throw badType(id, target);
      if (kind !== BtfKind.FuncProto) referenced[target] = 1;
    }
    at += HEAD;
    // Of ARRAY the element and the index, which come first.
    for (let index = 0; index < fixedTypes[kind]!; index++) {
      const target = words[at + index]!;
      if (target >= count) throw badType(id, target);
      if (index === 0) referenced[target] = 1;
    }
    at += fixedWords[kind]!;
    const size = itemWords[kind]!;
    if (size === 0) continue;
    const nameAt = itemName[kind]!;
    const typeAt = itemType[kind]!;
    for (let index = 0; index < items; index++, at += size) {
      if (nameAt !== NONE && words[at + nameAt]! >= end) throw badName(words[at + nameAt]!);
      if (typeAt === NONE) continue;
      const target = words[at + typeAt]!;
      if (target >= count) throw badType(id, target);
      referenced[target] = 1;
    }
  }
}

export function vlenOf({ words, starts }: TypeTable, id: number): number {
  return words[starts[id]! + 1]! & 0xff_ffff;
}

export function kindFlagOf({ words, starts }: TypeTable, id: number): boolean {
  return words[starts[id]! + 1]! >>> 31 === 1;
}

/** 0 for void too. */
export function nameOf({ words, starts }: TypeTable, id: number): number {
  return id === 0 ? 0 : words[starts[id]!]!;
}

/** Of the kinds that refer to a type by struct btf_type's own word. */
export function targetOf({ words, starts }: TypeTable, id: number): number {
  return words[starts[id]! + 2]!;
}

export function elementOf({ words, starts }: TypeTable, id: number): number {
  return words[starts[id]! + HEAD]!;
}

export function lengthOf({ words, starts }: TypeTable, id: number): number {
  return words[starts[id]! + HEAD + 2]!;
}

/** Whether a name is this ASCII text. */
export function isText({ strings }: TypeTable, offset: number, text: string): boolean {
  for (let index = 0; index < text.length; index++)
    if (strings[offset + index] !== text.charCodeAt(index)) return false;
  return strings[offset + text.length] === 0;
}

/** Kinds that lead to another type by struct btf_type's own word, and have no meaning without it. */
const leads: Uint8Array = kindSet([
  BtfKind.Ptr,
  BtfKind.Typedef,
  BtfKind.Volatile,
  BtfKind.Const,
  BtfKind.Restrict,
  BtfKind.TypeTag,
]);

/** What a pointer, array, typedef, modifier or type tag leads to next; -1 for all else. */
export function onwardOf({ kinds, starts, words }: TypeTable, id: number): number {
  const kind = kinds[id]!;
  if (leads[kind] === 1) return words[starts[id]! + 2]!;
  return kind === BtfKind.Array ? words[starts[id]! + HEAD]! : -1;
}

/** 1 for each of the kinds. */
export function kindSet(kinds: readonly BtfKind[]): Uint8Array {
  const set = new Uint8Array(kindTable.length);
  for (const kind of kinds) set[kind] = 1;
  return set;
}
