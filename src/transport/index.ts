export { PerfBuffer } from "./perf-buffer.ts";
export { pumpRecords } from "./pump.ts";
export type { Pump } from "./pump.ts";
export type { RecordArea, RecordHandler, RecordSource } from "./record-source.ts";
export { RingBuffer } from "./ring-buffer.ts";
