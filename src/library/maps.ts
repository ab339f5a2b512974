import { BloomMap, QueueMap } from "./queue-map.ts";
import { BpfMap } from "./bpf-map.ts";
import { EventMap } from "./event-map.ts";
import { MapHandle } from "./map-handle.ts";
import type { MapSource } from "./map-handle.ts";
import { UserRingMap } from "./user-ring-map.ts";

/** A map that programs alone use: arenas, struct_ops. */
export class OtherMap extends MapHandle {}

/** Every kind of map. */
export type AnyMap = BpfMap | QueueMap | BloomMap | EventMap<unknown> | UserRingMap<unknown> | OtherMap;

/** The handle for a map's kind. */
export function mapHandle(source: MapSource): AnyMap {
  switch (source.schema.kind) {
    case "keyed":
      return new BpfMap(source);
    case "queue":
      return new QueueMap(source);
    case "bloom":
      return new BloomMap(source);
    case "ring":
    case "perf":
      return new EventMap<unknown>(source);
    case "userRing":
      return new UserRingMap<unknown>(source);
    case "other":
      return new OtherMap(source);
  }
}
