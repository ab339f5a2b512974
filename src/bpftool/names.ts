import { BPF_ATTACH_TYPE, BPF_LINK_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE, nameOf } from "../uapi/index.ts";

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

export const perfTypeName = (type: number): string | undefined => PERF_TYPES[type];
export const perfConfigName = (type: number, config: bigint): string | undefined =>
  PERF_CONFIGS[type]?.[Number(config)];
