export { METRICS } from "./metrics.ts";
export type { Metric } from "./metrics.ts";
export { Profiler } from "./profiler.ts";
export type { MetricReading, ProfileReading } from "./profiler.ts";
