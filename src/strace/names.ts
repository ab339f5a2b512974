import {
  BPF_ANY,
  BPF_ATTACH_FLAG,
  BPF_ATTACH_TYPE,
  BPF_CMD,
  BPF_EXIST,
  BPF_F,
  BPF_FD_TYPE,
  BPF_LINK_TYPE,
  BPF_MAP_TYPE,
  BPF_NOEXIST,
  BPF_PROG_FLAG,
  BPF_PROG_TYPE,
  BPF_STATS,
  BPF_TEST_FLAG,
  PERF_COUNT_HW,
  PERF_COUNT_HW_CACHE,
  PERF_COUNT_HW_CACHE_OP,
  PERF_COUNT_HW_CACHE_RESULT,
  PERF_COUNT_SW,
  PERF_FLAG,
  PERF_FORMAT,
  PERF_SAMPLE,
  PERF_TYPE,
} from "../uapi/index.ts";
import type { Names } from "./fields.ts";

// Tables of the kernel's names with the prefix that they have in C, and what strace calls a value without one.

function names(
  prefix: string,
  values: Readonly<Record<string, number | bigint>>,
  unknown = `${prefix}???`,
): Names {
  return { prefix, values, unknown };
}

/** Some of BPF_F_*, whose values mean different things in different places. */
function flags(...some: readonly (keyof typeof BPF_F)[]): Readonly<Record<string, number>> {
  return Object.fromEntries(some.map((flag) => [flag, BPF_F[flag]]));
}

export const COMMAND: Names = names("BPF_", BPF_CMD);
export const MAP_TYPE: Names = names("BPF_MAP_TYPE_", BPF_MAP_TYPE);
export const PROG_TYPE: Names = names("BPF_PROG_TYPE_", BPF_PROG_TYPE);
export const ATTACH_TYPE: Names = names("BPF_", BPF_ATTACH_TYPE);
export const LINK_TYPE: Names = names("BPF_LINK_TYPE_", BPF_LINK_TYPE);
export const STATS_TYPE: Names = names("BPF_STATS_", BPF_STATS);
export const FD_TYPE: Names = names("BPF_FD_TYPE_", BPF_FD_TYPE);
export const MAP_FLAG: Names = names(
  "BPF_F_",
  flags(
    "NO_PREALLOC",
    "NO_COMMON_LRU",
    "NUMA_NODE",
    "RDONLY",
    "WRONLY",
    "STACK_BUILD_ID",
    "ZERO_SEED",
    "RDONLY_PROG",
    "WRONLY_PROG",
    "CLONE",
    "MMAPABLE",
    "PRESERVE_ELEMS",
    "INNER_MAP",
    "LINK",
    "PATH_FD",
    "VTYPE_BTF_OBJ_FD",
    "TOKEN_FD",
    "SEGV_ON_FAULT",
    "NO_USER_CONV",
    "RB_OVERWRITE",
  ),
);
export const FILE_FLAG: Names = names("BPF_F_", flags("RDONLY", "WRONLY", "PATH_FD", "TOKEN_FD"));
export const OPEN_FLAG: Names = names("BPF_F_", flags("RDONLY", "WRONLY", "TOKEN_FD"));
export const LOAD_FLAG: Names = names("BPF_F_", { ...BPF_PROG_FLAG, TOKEN_FD: BPF_F.TOKEN_FD });
/** One choice, and a bit beside it. */
export const UPDATE_FLAG: Names = {
  ...names("BPF_", { ANY: BPF_ANY, NOEXIST: BPF_NOEXIST, EXIST: BPF_EXIST, F_LOCK: BPF_F.LOCK }),
};
export const LOOKUP_FLAG: Names = names("BPF_", {
  ANY: BPF_ANY,
  F_ALL_CPUS: BPF_F.ALL_CPUS,
  F_CPU: BPF_F.CPU,
  F_LOCK: BPF_F.LOCK,
});
export const ATTACH_FLAG: Names = names("BPF_F_", BPF_ATTACH_FLAG);
export const QUERY_FLAG: Names = names("BPF_F_QUERY_", { EFFECTIVE: 1 });
export const TEST_FLAG: Names = names("BPF_F_TEST_", BPF_TEST_FLAG);
export const KPROBE_MULTI_FLAG: Names = names("BPF_F_KPROBE_MULTI_", { RETURN: BPF_F.KPROBE_MULTI_RETURN });
export const UPROBE_MULTI_FLAG: Names = names("BPF_F_UPROBE_MULTI_", {
  RETURN: BPF_F.UPROBE_MULTI_RETURN,
  PATH_FD: BPF_F.UPROBE_MULTI_PATH_FD,
});
export const NETFILTER_FLAG: Names = names("BPF_F_NETFILTER_", { IP_DEFRAG: 1 });
export const REGISTER: Names = names(
  "BPF_REG_",
  Object.fromEntries(Array.from({ length: 11 }, (_, index) => [String(index), index])),
);
export const EVENT_TYPE: Names = names("PERF_TYPE_", PERF_TYPE);
export const HARDWARE_EVENT: Names = names("PERF_COUNT_HW_", PERF_COUNT_HW);
export const SOFTWARE_EVENT: Names = names("PERF_COUNT_SW_", PERF_COUNT_SW);
export const CACHE: Names = names("PERF_COUNT_HW_CACHE_", PERF_COUNT_HW_CACHE);
export const CACHE_OPERATION: Names = names("PERF_COUNT_HW_CACHE_OP_", PERF_COUNT_HW_CACHE_OP);
export const CACHE_RESULT: Names = names("PERF_COUNT_HW_CACHE_RESULT_", PERF_COUNT_HW_CACHE_RESULT);
export const SAMPLE_TYPE: Names = names("PERF_SAMPLE_", PERF_SAMPLE);
export const READ_FORMAT: Names = names("PERF_FORMAT_", PERF_FORMAT);
export const OPEN_EVENT_FLAG: Names = names("PERF_FLAG_", PERF_FLAG);
/** PERF_ATTR_SIZE_VER*: include/uapi/linux/perf_event.h */
export const EVENT_ATTR_SIZE: Names = names("PERF_ATTR_SIZE_", {
  VER0: 64,
  VER1: 72,
  VER2: 80,
  VER3: 96,
  VER4: 104,
  VER5: 112,
  VER6: 120,
  VER7: 128,
  VER8: 136,
  VER9: 144,
});
export const CLOCK: Names = names("CLOCK_", {
  REALTIME: 0,
  MONOTONIC: 1,
  PROCESS_CPUTIME_ID: 2,
  THREAD_CPUTIME_ID: 3,
  MONOTONIC_RAW: 4,
  REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6,
  BOOTTIME: 7,
  REALTIME_ALARM: 8,
  BOOTTIME_ALARM: 9,
  TAI: 11,
});
