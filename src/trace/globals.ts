import type { Kernel } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import type { PlanGlobals } from "../object/index.ts";
import { badPlan } from "../report/index.ts";
import { BPF_F } from "../uapi/index.ts";
import { alignUp } from "../util/index.ts";

const KEY = new Uint8Array(4);

type Setting = "pid" | "start" | "childPid" | "cpuCount";

/**
 * The value that the programs and the session share: mapped, where the map allows it. A call of bpf(2) keeps
 * programs on its CPU from running until it is done, and it may be preempted meanwhile: events would be missed
 * (bpf_disable_instrumentation in kernel/bpf/syscall.c).
 */
export class Globals implements Disposable {
  readonly #plan: PlanGlobals;
  readonly #map: LoadedMap;
  readonly #region: { readonly bytes: Uint8Array; [Symbol.dispose](): void } | undefined;

  constructor(kernel: Kernel, plan: PlanGlobals, maps: ReadonlyMap<string, LoadedMap>) {
    const map = maps.get(plan.map);
    const { failures = [] } = plan;
    if (!map || [plan, ...failures].some((each) => !fits(map, "lost" in each ? each.lost : each.offset)))
      throw badPlan("no map of shared values");
    this.#plan = plan;
    this.#map = map;
    if ((map.spec.flags & BPF_F.MMAPABLE) !== 0)
      this.#region = kernel.mmap(map.fd, alignUp(map.spec.valueSize, kernel.pageSize), "readWrite");
  }

  [Symbol.dispose](): void {
    this.#region?.[Symbol.dispose]();
  }

  /** Writes what the programs ask for; they do not run yet. */
  set(values: Readonly<Record<Setting, bigint>>): void {
    const view = this.#view();
    for (const name of ["pid", "start", "childPid", "cpuCount"] as const) {
      const offset = this.#plan[name];
      if (offset === undefined) continue;
      if (!fits(this.#map, offset)) throw badPlan(`shared value ${name} lies outside its map`);
      view.setBigUint64(offset, values[name], true);
    }
    if (!this.#region) this.#map.update(KEY, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  /** Actions lost since the start, as the programs counted them. */
  lost(): bigint {
    return this.#view().getBigUint64(this.#plan.lost, true);
  }

  /** How often each of the plan's failures came since the start, in their order. */
  failures(): bigint[] {
    const { failures = [] } = this.#plan;
    if (failures.length === 0) return [];
    const view = this.#view();
    return failures.map(({ offset }) => view.getBigUint64(offset, true));
  }

  #view(): DataView {
    const bytes = this.#region?.bytes ?? this.#map.lookup(KEY);
    if (!bytes) throw badPlan("no shared values");
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

function fits({ spec }: LoadedMap, offset: number): boolean {
  return offset >= 0 && offset + 8 <= spec.valueSize;
}
