import { BPF_PROG_TYPE, nameOf } from "../uapi/index.ts";
import type { Sample } from "./sampler.ts";

/** What a program did between two samples. */
export interface Activity {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  /** Of one CPU, in percent. */
  readonly cpu: number;
  /** Runs a second. */
  readonly events: number;
  /** Nanoseconds a run, in this time; 0 if it did not run. */
  readonly average: number;
  /** Nanoseconds a run, since statistics were first on. */
  readonly totalAverage: number;
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

const NANOSECONDS = 1_000_000_000;

/** Every program of the later sample; one that is new since the first is counted from zero. */
export function activity(before: Sample, after: Sample): Activity[] {
  const seconds = Math.max(Number(after.time - before.time) / NANOSECONDS, 1e-9);
  return [...after.programs.values()].map(({ id, type, name, runTimeNs, runCount }) => {
    const earlier = before.programs.get(id);
    const time = Number(runTimeNs - (earlier?.runTimeNs ?? 0n));
    const runs = Number(runCount - (earlier?.runCount ?? 0n));
    return {
      id,
      type: nameOf(BPF_PROG_TYPE, type)?.toLowerCase() ?? String(type),
      name,
      cpu: (time / NANOSECONDS / seconds) * 100,
      events: runs / seconds,
      average: runs === 0 ? 0 : time / runs,
      totalAverage: runCount === 0n ? 0 : Number(runTimeNs / runCount),
      runTimeNs,
      runCount,
    };
  });
}

export const SORT_KEYS = ["cpu", "events", "average", "total", "id", "type", "name"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export function isSortKey(text: string): text is SortKey {
  return SORT_KEYS.some((key) => key === text);
}

type Comparison = (a: Activity, b: Activity) => number;

/** Numbers: the largest first; texts and ids: ascending. */
const COMPARISONS: Readonly<Record<SortKey, Comparison>> = {
  cpu: (a, b) => b.cpu - a.cpu,
  events: (a, b) => b.events - a.events,
  average: (a, b) => b.average - a.average,
  total: (a, b) => b.totalAverage - a.totalAverage,
  id: (a, b) => a.id - b.id,
  type: (a, b) => compareText(a.type, b.type),
  name: (a, b) => compareText(a.name, b.name),
};

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Equal ones by id, so that lines do not jump. */
export function sorted(rows: readonly Activity[], key: SortKey, reverse: boolean): Activity[] {
  const compare = COMPARISONS[key];
  const sign = reverse ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(a, b) || a.id - b.id);
}

/** Those whose id, type or name holds the text, whatever its case. */
export function filtered(rows: readonly Activity[], filter: string): readonly Activity[] {
  if (filter === "") return rows;
  const wanted = filter.toLowerCase();
  return rows.filter(({ id, type, name }) =>
    [String(id), type, name.toLowerCase()].some((text) => text.includes(wanted)),
  );
}
