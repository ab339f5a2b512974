import {
  BPF_ATTACH_TYPE,
  BPF_LINK_TYPE,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  nameOf,
  PERF_TYPE,
} from "../uapi/index.ts";

/** Names as bpftool prints them: the kernel's in lower case; undefined for numbers from newer kernels. */
export const programTypeName = (type: number): string | undefined => lower(nameOf(BPF_PROG_TYPE, type));
export const mapTypeName = (type: number): string | undefined => lower(nameOf(BPF_MAP_TYPE, type));
export const linkTypeName = (type: number): string | undefined => lower(nameOf(BPF_LINK_TYPE, type));
export const attachTypeName = (type: number): string | undefined => lower(nameOf(BPF_ATTACH_TYPE, type));

function lower(name: string | undefined): string | undefined {
  return name?.toLowerCase();
}

/** By PERF_TYPE number. */
const PERF_TYPES: readonly string[] = ["hardware", "software", "tracepoint", "hw-cache", "raw", "breakpoint"];
/** By config number, of the types that have names for them. */
const PERF_CONFIGS: readonly (readonly string[])[] = [
  [
    "cpu-cycles",
    "instructions",
    "cache-references",
    "cache-misses",
    "branch-instructions",
    "branch-misses",
    "bus-cycles",
    "stalled-cycles-frontend",
    "stalled-cycles-backend",
    "ref-cycles",
  ],
  [
    "cpu-clock",
    "task-clock",
    "page-faults",
    "context-switches",
    "cpu-migrations",
    "minor-faults",
    "major-faults",
    "alignment-faults",
    "emulation-faults",
    "dummy",
    "bpf-output",
    "cgroup-switches",
  ],
];

const CACHES = ["L1-dcache", "L1-icache", "LLC", "dTLB", "iTLB", "branch", "node"];
const CACHE_OPERATIONS = ["load", "store", "prefetch"];
const CACHE_RESULTS = ["refs", "misses"];

export const perfTypeName = (type: number): string | undefined => PERF_TYPES[type];

export function perfConfigName(type: number, config: bigint): string | undefined {
  if (type !== PERF_TYPE.HW_CACHE) return PERF_CONFIGS[type]?.[Number(config)];
  const [cache, operation, result] = [config & 0xffn, (config >> 8n) & 0xffn, config >> 16n].map(Number);
  return [
    CACHES[cache!] ?? cache,
    CACHE_OPERATIONS[operation!] ?? operation,
    CACHE_RESULTS[result!] ?? result,
  ].join("-");
}
