import {
  type Btf,
  BtfBuilder,
  type BtfExtSection,
  BtfKind,
  BtfLinkage,
  type BtfSectionVariable,
  dedupBtf,
  parseBtf,
} from "../../btf/index.ts";
import { SymbolType } from "../../elf/index.ts";
import { ObjectError } from "../error.ts";
import type { LinkObject } from "./input.ts";
import type { SectionLayout } from "./merged-sections.ts";
import type { GlobalType, SymbolTable } from "./merged-symbols.ts";

export interface MergedTypes {
  /** Open, as the strings of .BTF.ext go into it too. */
  readonly builder: BtfBuilder;
  readonly ext: ReadonlyMap<string, BtfExtSection>;
}

/** clang's section of variables declared without one; the linker itself resolves those. */
const EXTERN = ".extern";

/** BTF of all objects as one, or undefined where none has any. */
export function mergeTypes(
  objects: readonly LinkObject[],
  layout: SectionLayout,
  table: SymbolTable,
): MergedTypes | undefined {
  if (objects.every(({ btf }) => btf === undefined)) return undefined;
  const ids = assignIds(objects, table);
  const joined = new BtfBuilder();
  objects.forEach(({ btf }, at) => {
    const own = ids[at]!;
    for (let id = 1; id < (btf?.typeCount ?? 0); id++)
      if (own.emitted.has(id)) joined.copy(btf!, id, (target) => own.map[target]!);
  });
  addDataSections(joined, objects, layout, table, ids);
  const { builder, ids: kept } = dedupBtf(parseBtf(joined.encode()));
  return { builder, ext: mergeExt(objects, layout, ids, kept) };
}

interface AssignedIds {
  /** New id of each type. */
  readonly map: Uint32Array;
  /** Types that are copied; others stand for one of another object, or are left out. */
  readonly emitted: ReadonlySet<number>;
}

/** Every type but data sections, and of a global symbol's descriptions only the one that counts. */
function assignIds(objects: readonly LinkObject[], { globals }: SymbolTable): AssignedIds[] {
  let next = 1;
  const stands = new Map<string, GlobalType>();
  for (const { type, mentions } of globals.values())
    for (const mention of mentions) if (mention !== type) stands.set(keyOf(mention), type);
  addPrototypes(objects, stands);
  const assigned = objects.map(({ btf }, at) => {
    const map = new Uint32Array(btf?.typeCount ?? 1);
    const emitted = new Set<number>();
    for (let id = 1; id < map.length; id++) {
      if (btf!.kind(id) === BtfKind.Datasec || stands.has(keyOf({ object: at, id }))) continue;
      // Without a symbol in the output it is of a section that was there already (license).
      const global = isGlobal(btf!, id) ? globals.get(btf!.name(id)) : undefined;
      if (isGlobal(btf!, id) && (global?.type.object !== at || global.type.id !== id)) continue;
      emitted.add(id);
      map[id] = next++;
    }
    return { map, emitted };
  });
  for (const [key, type] of stands) {
    const [object = 0, id = 0] = key.split(":").map(Number);
    assigned[object]!.map[id] = assigned[type.object]!.map[type.id]!;
  }
  return assigned;
}

function keyOf({ object, id }: GlobalType): string {
  return `${object}:${id}`;
}

/** The prototype of a declaration has no names of arguments: that of the definition takes its place. */
function addPrototypes(objects: readonly LinkObject[], stands: Map<string, GlobalType>): void {
  objects.forEach(({ btf }, object) => {
    const used = new Map<number, number>();
    const replaced = new Map<number, GlobalType>();
    for (let id = 1; id < (btf?.typeCount ?? 0); id++) {
      btf!.eachReference(id, (target) => used.set(target, (used.get(target) ?? 0) + 1));
      const type = btf!.kind(id) === BtfKind.Func ? stands.get(keyOf({ object, id })) : undefined;
      if (!type) continue;
      const prototype = btf!.target(id);
      replaced.set(prototype, { object: type.object, id: objects[type.object]!.btf!.target(type.id) });
    }
    // One that something else refers to stays.
    for (const [id, type] of replaced) if (used.get(id) === 1) stands.set(keyOf({ object, id }), type);
  });
}

function isGlobal(btf: Btf, id: number): boolean {
  const kind = btf.kind(id);
  return (kind === BtfKind.Var || kind === BtfKind.Func) && btf.linkage(id) !== BtfLinkage.Static;
}

interface OpenDataSection {
  readonly size: number;
  /** By the variable's new id. */
  readonly variables: Map<number, BtfSectionVariable>;
}

function addDataSections(
  joined: BtfBuilder,
  objects: readonly LinkObject[],
  layout: SectionLayout,
  { globals }: SymbolTable,
  ids: readonly AssignedIds[],
): void {
  const sections = new Map<string, OpenDataSection>();
  objects.forEach((object, at) => {
    const { btf } = object;
    for (let id = 1; id < (btf?.typeCount ?? 0); id++) {
      if (btf!.kind(id) !== BtfKind.Datasec || btf!.name(id) === EXTERN) continue;
      const name = btf!.name(id);
      const merged = layout.merged.find((section) => section.name === name);
      const section = [...object.sections.values()].find((other) => other.name === name);
      const placement = section && layout.placements[at]!.get(section.index);
      // A second license is left out whole.
      if (section && !placement) continue;
      const open = sections.get(name) ?? { size: merged?.bytes.length ?? 0, variables: new Map() };
      sections.set(name, open);
      for (const variable of btf!.sectionVariables(id)) {
        const global = isGlobal(btf!, variable.type) ? globals.get(btf!.name(variable.type)) : undefined;
        if (global && (global.type.object !== at || global.type.id !== variable.type)) continue;
        const offset = global ? globalOffset(object, btf!, variable, section?.index) : variable.offset;
        const type = ids[at]!.map[variable.type]!;
        if (type === 0)
          throw new ObjectError(
            "object/link",
            `A variable of section ${name} of ${object.name} has no symbol`,
          );
        open.variables.set(type, { type, offset: offset + (placement?.offset ?? 0), size: variable.size });
      }
    }
  });
  for (const [name, { size, variables }] of sections)
    joined.dataSection(
      name,
      size,
      [...variables.values()].sort((a, b) => a.offset - b.offset),
    );
}

/** clang leaves the offsets of global variables at 0: their symbols know better. */
function globalOffset(
  { symbols, name: file }: LinkObject,
  btf: Btf,
  { type, offset }: BtfSectionVariable,
  section: number | undefined,
): number {
  if (btf.kind(type) !== BtfKind.Var || btf.linkage(type) !== BtfLinkage.Global) return offset;
  const name = btf.name(type);
  const symbol = symbols.find(
    (other) => other.section === section && other.type === SymbolType.Object && other.name === name,
  );
  if (!symbol) throw new ObjectError("object/bad-elf", `Variable ${name} of ${file} has no symbol`);
  return symbol.value;
}

/** What .BTF.ext says of code, moved with it. */
function mergeExt(
  objects: readonly LinkObject[],
  layout: SectionLayout,
  ids: readonly AssignedIds[],
  kept: Uint32Array,
): Map<string, BtfExtSection> {
  const merged = new Map<string, { [K in keyof BtfExtSection]: BtfExtSection[K][number][] }>();
  objects.forEach((object, at) => {
    const typeId = (id: number): number => kept[ids[at]!.map[id] ?? 0] ?? 0;
    for (const [name, { functions, lines, relocations }] of object.ext) {
      const section = [...object.sections.values()].find((other) => other.name === name);
      const placement = section && layout.placements[at]!.get(section.index);
      if (!placement)
        throw new ObjectError(
          "object/bad-elf",
          `.BTF.ext of ${object.name} describes section ${name}, which is not there`,
        );
      const moved = <T extends { readonly offset: number }>(record: T): T => ({
        ...record,
        offset: record.offset + placement.offset,
      });
      const typed = <T extends { readonly offset: number; readonly typeId: number }>(record: T): T => ({
        ...moved(record),
        typeId: typeId(record.typeId),
      });
      const target = merged.get(name) ?? { functions: [], lines: [], relocations: [] };
      merged.set(name, target);
      target.functions.push(...functions.map(typed));
      target.lines.push(...lines.map(moved));
      target.relocations.push(...relocations.map(typed));
    }
  });
  return merged;
}
