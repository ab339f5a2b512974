import type { Span } from "../../diagnostic.ts";
import type { Expression, Macro } from "../ast.ts";
import type { Findings } from "../findings.ts";
import type { Settings } from "../settings.ts";
import type { TypeResolver } from "../type-resolver.ts";
import type { CheckedMap } from "../typed.ts";
import { none, type NoneType, type Type } from "../types.ts";
import type { CheckOptions, World } from "../world.ts";
import { TypeSlot } from "./slot.ts";

/** The type of what could not be typed, or not yet: no further complaint is made about it. */
export const unresolved: NoneType = { kind: "none" };

export interface MapSlots {
  readonly name: string;
  readonly span: Span;
  readonly key: TypeSlot;
  readonly value: TypeSlot;
  /** Undefined until it is seen with or without a key. */
  keyed: boolean | undefined;
  /** Something was assigned to it. */
  assigned: boolean;
  readonly declared?: NonNullable<CheckedMap["declared"]>;
}

/** What all probes share during one check. Slots grow from round to round until nothing changes. */
export interface Shared {
  readonly world: World;
  readonly options: CheckOptions;
  readonly settings: Settings;
  readonly types: TypeResolver;
  readonly macros: ReadonlyMap<string, readonly Macro[]>;
  /** `#define`d expressions. */
  readonly defines: ReadonlyMap<string, Expression>;
  readonly maps: Map<string, MapSlots>;
  /** By place in the script, macro expansions included. */
  readonly variables: Map<string, TypeSlot>;
}

/** One round over all probes. */
export interface Round {
  readonly shared: Shared;
  readonly findings: Findings;
  /** Types are settled unless something changes this. */
  changed: boolean;
  readonly maps: Map<string, CheckedMap>;
}

export function mapSlots(shared: Shared, name: string, span: Span): MapSlots {
  let slots = shared.maps.get(name);
  if (!slots) {
    slots = { name, span, key: new TypeSlot(), value: new TypeSlot(), keyed: undefined, assigned: false };
    shared.maps.set(name, slots);
  }
  return slots;
}

/** The map as this round sees it. */
export function checkedMap(round: Round, slots: MapSlots): CheckedMap {
  let map = round.maps.get(slots.name);
  if (!map) {
    const value: Type = slots.value.type ?? none;
    const key = slots.keyed ? slots.key.type : undefined;
    const { name, span, declared } = slots;
    map = { name, value, span, ...(key && { key }), ...(declared && { declared }) };
    round.maps.set(name, map);
  }
  return map;
}

/** Runs `change` on a slot and notes whether its type is another one now. */
export function grow(round: Round, slot: TypeSlot, change: (slot: TypeSlot) => boolean): boolean {
  const before = slot.type;
  const fine = change(slot);
  if (!slot.same(before)) round.changed = true;
  return fine;
}
