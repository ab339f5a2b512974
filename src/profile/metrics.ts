import {
  PERF_COUNT_HW,
  PERF_COUNT_HW_CACHE,
  PERF_COUNT_HW_CACHE_OP,
  PERF_COUNT_HW_CACHE_RESULT,
  PERF_COUNT_SW,
  PERF_TYPE,
} from "../uapi/index.ts";

/** Something that is counted while a program runs. */
export interface Metric {
  readonly name: string;
  /** PERF_TYPE number, and the config that goes with it. */
  readonly type: number;
  readonly config: number;
  /** What the value is set in relation to, if that is counted too. */
  readonly ratio?: { readonly to: string; readonly factor: number; readonly text: string };
}

function cacheReads(cache: keyof typeof PERF_COUNT_HW_CACHE, result: "ACCESS" | "MISS"): number {
  return (
    PERF_COUNT_HW_CACHE[cache] |
    (PERF_COUNT_HW_CACHE_OP.READ << 8) |
    (PERF_COUNT_HW_CACHE_RESULT[result] << 16)
  );
}

function missesPerMillion(what: string): NonNullable<Metric["ratio"]> {
  return { to: "instructions", factor: 1e6, text: `${what} misses per million insns` };
}

/** bpftool's six, and the clock, which machines without counters (virtual ones) have too. */
export const METRICS: readonly Metric[] = [
  { name: "cycles", type: PERF_TYPE.HARDWARE, config: PERF_COUNT_HW.CPU_CYCLES },
  {
    name: "instructions",
    type: PERF_TYPE.HARDWARE,
    config: PERF_COUNT_HW.INSTRUCTIONS,
    ratio: { to: "cycles", factor: 1, text: "insns per cycle" },
  },
  { name: "l1d_loads", type: PERF_TYPE.HW_CACHE, config: cacheReads("L1D", "ACCESS") },
  {
    name: "llc_misses",
    type: PERF_TYPE.HW_CACHE,
    config: cacheReads("LL", "MISS"),
    ratio: missesPerMillion("LLC"),
  },
  {
    name: "itlb_misses",
    type: PERF_TYPE.HW_CACHE,
    config: cacheReads("ITLB", "MISS"),
    ratio: missesPerMillion("itlb"),
  },
  {
    name: "dtlb_misses",
    type: PERF_TYPE.HW_CACHE,
    config: cacheReads("DTLB", "MISS"),
    ratio: missesPerMillion("dtlb"),
  },
  { name: "cpu_clock", type: PERF_TYPE.SOFTWARE, config: PERF_COUNT_SW.CPU_CLOCK },
];
