import type { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { BtfKind, isComposite, kindTable } from "./kind.ts";

/** BTF in which no type is there twice. */
export interface DeduplicatedBtf {
  /** Open for more: strings of .BTF.ext belong into it too. */
  readonly builder: BtfBuilder;
  /** The new id of each old one. */
  readonly ids: Uint32Array;
}

/**
 * Merges types that are equal: same kind, names, sizes and offsets, and referring to equal types in turn, however
 * these refer back (a struct with a pointer to itself). Of equal types the first one stays. Variables and data
 * sections are always apart.
 *
 * A forward declaration becomes the struct or union of its name, if all those of that name are equal.
 * `btf` stands alone, without a base.
 */
export function dedupBtf(btf: Btf): DeduplicatedBtf {
  const forwards = forwardTargets(btf);
  let classes = refine(btf, forwards);
  // What had to be assumed of forward declarations to find the classes must hold in them.
  for (
    let wrong = ambiguous(btf, forwards, classes);
    wrong.length > 0;
    wrong = ambiguous(btf, forwards, classes)
  ) {
    for (const forward of wrong) forwards.delete(forward);
    classes = refine(btf, forwards);
  }
  return rewrite(btf, classes);
}

/** Each forward declaration's first candidate: the definition that it is taken for. */
function forwardTargets(btf: Btf): Map<number, number> {
  const definitions = new Map<string, number>();
  for (let id = btf.typeCount - 1; id >= 1; id--) {
    const kind = btf.kind(id);
    if (isComposite(kind) && btf.nameOffset(id) !== 0) definitions.set(tagKey(btf, id), id);
  }
  const targets = new Map<number, number>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.Fwd) continue;
    const target = definitions.get(tagKey(btf, id));
    if (target !== undefined) targets.set(id, target);
  }
  return targets;
}

/** `struct x`: struct and union are different name spaces here. */
function tagKey(btf: Btf, id: number): string {
  const kind = btf.kind(id);
  const union = kind === BtfKind.Union || (kind === BtfKind.Fwd && btf.kindFlag(id));
  return `${union ? "union" : "struct"} ${btf.name(id)}`;
}

/** Forward declarations whose name stands for definitions that differ. */
function ambiguous(btf: Btf, forwards: ReadonlyMap<number, number>, classes: Uint32Array): number[] {
  const wanted = new Map<string, number>();
  for (const target of forwards.values()) wanted.set(tagKey(btf, target), classes[target]!);
  const differing = new Set<string>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (!isComposite(btf.kind(id)) || btf.nameOffset(id) === 0) continue;
    const key = tagKey(btf, id);
    const expected = wanted.get(key);
    if (expected !== undefined && classes[id] !== expected) differing.add(key);
  }
  return [...forwards].filter(([, target]) => differing.has(tagKey(btf, target))).map(([forward]) => forward);
}

/**
 * The class of each type, named by its first member. Begins with what types say of themselves and splits classes
 * by the classes of what they refer to until none splits any more.
 */
function refine(btf: Btf, forwards: ReadonlyMap<number, number>): Uint32Array {
  const names = new Map<string, number>();
  const own = new Map<string, number>();
  const count = btf.typeCount;
  const standsFor = Uint32Array.from({ length: count }, (_, id) => forwards.get(id) ?? id);
  const { targets, starts } = referencesOf(btf, standsFor);
  let classes = classify(count, (id) => number(own, ownKey(btf, standsFor[id]!, names)));
  for (let size = 0; ;) {
    const previous = classes;
    const pairs = new Map<number, number>();
    classes = classify(count, (id) => {
      const at = standsFor[id]!;
      let key = previous[at]!;
      // A list of classes as one number: each list of references that differs gets one of its own.
      for (let index = starts[at]!; index < starts[at + 1]!; index++)
        key = count + number(pairs, key * PAIR + previous[targets[index]!]!);
      return key;
    });
    const next = new Set(classes).size;
    if (next === size) return classes;
    size = next;
  }
}

/** Above every class and every list of them, so that two fit into one safe integer. */
const PAIR = 2 ** 26;

/** The place of a key in a map, which it gets there if it is new. */
function number<K>(map: Map<K, number>, key: K): number {
  let place = map.get(key);
  if (place === undefined) map.set(key, (place = map.size));
  return place;
}

interface References {
  /** Ids of what types refer to, those of one type behind those of the type before it. */
  readonly targets: readonly number[];
  /** Where each type's begin. */
  readonly starts: Uint32Array;
}

function referencesOf(btf: Btf, standsFor: Uint32Array): References {
  const targets: number[] = [];
  const starts = new Uint32Array(btf.typeCount + 1);
  for (let id = 0; id < btf.typeCount; id++) {
    starts[id] = targets.length;
    btf.eachReference(id, (target) => targets.push(standsFor[target]!));
  }
  starts[btf.typeCount] = targets.length;
  return { targets, starts };
}

function classify(count: number, keyOf: (id: number) => number): Uint32Array {
  const firsts = new Map<number, number>();
  const classes = new Uint32Array(count);
  for (let id = 1; id < count; id++) {
    const key = keyOf(id);
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, id);
    classes[id] = first ?? id;
  }
  return classes;
}

/** Everything a type says but the ids it refers to; names by number, as equal strings may lie at two places. */
function ownKey(btf: Btf, id: number, names: Map<string, number>): string {
  const kind = btf.kind(id);
  if (kind === BtfKind.Var || kind === BtfKind.Datasec) return `apart ${id}`;
  const words = btf.words(id);
  const { refersToType, fixed, item } = kindTable[kind]!;
  const nameNumber = (offset: number): number => number(names, btf.string(offset));
  const parts = [nameNumber(words[0]!), words[1]!, refersToType ? 0 : words[2]!];
  for (let index = 3; index < words.length; index++) {
    const place = index - 3;
    const role = place < fixed.length ? fixed[place]! : item[(place - fixed.length) % item.length]!;
    if (role === "name") parts.push(nameNumber(words[index]!));
    else if (role === "number") parts.push(words[index]!);
  }
  return parts.join();
}

function rewrite(btf: Btf, classes: Uint32Array): DeduplicatedBtf {
  const ids = new Uint32Array(btf.typeCount);
  let next = 1;
  for (let id = 1; id < btf.typeCount; id++) if (classes[id] === id) ids[id] = next++;
  // A forward declaration may stand in front of what it has become.
  for (let id = 1; id < btf.typeCount; id++) ids[id] = ids[classes[id]!]!;
  const builder = new BtfBuilder();
  for (let id = 1; id < btf.typeCount; id++)
    if (classes[id] === id) builder.copy(btf, representative(btf, classes, id), (target) => ids[target]!);
  return { builder, ids };
}

/** Of a class that a forward declaration begins the definition is what stays, in its place. */
function representative(btf: Btf, classes: Uint32Array, first: number): number {
  if (btf.kind(first) !== BtfKind.Fwd) return first;
  for (let id = first; id < classes.length; id++)
    if (classes[id] === first && btf.kind(id) !== BtfKind.Fwd) return id;
  return first;
}
