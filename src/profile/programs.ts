import { assemble } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import type { Fd } from "../kernel/index.ts";

/** Descriptors of the profiler's maps. */
export interface ProfilerMaps {
  /** Perf events: of metric m on CPU c at m * cpus + c. */
  readonly events: Fd;
  /** Per CPU and metric: struct bpf_perf_event_value when the program began. */
  readonly before: Fd;
  /** Per CPU and metric: the sum of what was counted in the program. */
  readonly sums: Fd;
  /** Per CPU: runs. */
  readonly runs: Fd;
}

/** struct bpf_perf_event_value: counter, time enabled, time running. */
export const VALUE_SIZE = 24;
const FIELDS = [0, 8, 16];

/** At the program's begin: the counters are put away. `cpus`: one more than the highest CPU number. */
export function beginProgram(maps: ProfilerMaps, metrics: number, cpus: number): Insn[] {
  const body = Array.from({ length: metrics }, (_, metric) => [
    ...readCounter(maps, metric, cpus),
    ...lookUp(maps.before, metric),
    ...FIELDS.map((field) => `r1 = *(u64 *)(r10 -${VALUE_SIZE - field})\n*(u64 *)(r0 +${field}) = r1`),
  ]);
  return program(body);
}

/** At its end: what the counters have gained is added up. */
export function endProgram(maps: ProfilerMaps, metrics: number, cpus: number): Insn[] {
  // All counters are read before anything else is done, as that counts too.
  const slots = metrics * VALUE_SIZE;
  const reads = Array.from({ length: metrics }, (_, metric) =>
    readCounter(maps, metric, cpus, slots - metric * VALUE_SIZE),
  );
  const sums = Array.from({ length: metrics }, (_, metric) => [
    ...lookUp(maps.before, metric, slots + 8),
    "r7 = r0",
    ...lookUp(maps.sums, metric, slots + 8),
    // A run that began before the profile did.
    "r1 = *(u64 *)(r7 +0)",
    "if r1 == 0x0 goto out",
    ...FIELDS.map((field) =>
      [
        `r1 = *(u64 *)(r10 -${slots - metric * VALUE_SIZE - field})`,
        `r2 = *(u64 *)(r7 +${field})`,
        "r1 -= r2",
        `r2 = *(u64 *)(r0 +${field})`,
        "r2 += r1",
        `*(u64 *)(r0 +${field}) = r2`,
      ].join("\n"),
    ),
  ]);
  const count = [
    ...lookUp(maps.runs, 0, slots + 8),
    "r1 = *(u64 *)(r0 +0)",
    "r1 += 1",
    "*(u64 *)(r0 +0) = r1",
  ];
  return program([...reads, ...sums, count]);
}

function program(parts: readonly (readonly string[])[]): Insn[] {
  const lines = ["call bpf_get_smp_processor_id", "r6 = r0", ...parts.flat(), "out:", "r0 = 0", "exit"];
  return assemble({ name: "profiler", text: lines.join("\n") });
}

/** Into the stack at `place` bytes below its top. */
function readCounter(maps: ProfilerMaps, metric: number, cpus: number, place = VALUE_SIZE): string[] {
  return [
    `r1 = map[fd:${maps.events}]`,
    "r2 = r6",
    `r2 += ${metric * cpus}`,
    "r3 = r10",
    `r3 += -${place}`,
    `r4 = ${VALUE_SIZE}`,
    "call bpf_perf_event_read_value",
    "if r0 != 0x0 goto out",
  ];
}

/** r0 becomes the element's address; the key lies at `place`. */
function lookUp(map: Fd, key: number, place = VALUE_SIZE + 8): string[] {
  return [
    `*(u32 *)(r10 -${place}) = ${key}`,
    `r1 = map[fd:${map}]`,
    "r2 = r10",
    `r2 += -${place}`,
    "call bpf_map_lookup_elem",
    "if r0 == 0x0 goto out",
  ];
}
