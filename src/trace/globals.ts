import type { LoadedMap } from "../loader/index.ts";
import type { PlanGlobals } from "../object/index.ts";
import { badPlan } from "../report/index.ts";

const KEY = new Uint8Array(4);

type Setting = "pid" | "start" | "childPid" | "cpuCount";

/** The value that the programs and the session share. */
export class Globals {
  readonly #plan: PlanGlobals;
  readonly #map: LoadedMap;

  constructor(plan: PlanGlobals, maps: ReadonlyMap<string, LoadedMap>) {
    const map = maps.get(plan.map);
    if (!map || plan.lost + 8 > map.spec.valueSize) throw badPlan("no map of shared values");
    this.#plan = plan;
    this.#map = map;
  }

  /** Writes what the programs ask for; they do not run yet. */
  set(values: Readonly<Record<Setting, bigint>>): void {
    const bytes = this.#map.lookup(KEY);
    if (!bytes) throw badPlan("no shared values");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const name of ["pid", "start", "childPid", "cpuCount"] as const) {
      const offset = this.#plan[name];
      if (offset === undefined) continue;
      if (offset + 8 > bytes.length) throw badPlan(`shared value ${name} lies outside its map`);
      view.setBigUint64(offset, values[name], true);
    }
    this.#map.update(KEY, bytes);
  }

  /** Actions lost since the start, as the programs counted them. */
  lost(): bigint {
    const bytes = this.#map.lookup(KEY);
    if (!bytes) return 0n;
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(this.#plan.lost, true);
  }
}
