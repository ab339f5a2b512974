import type { StructField } from "../uapi/index.ts";

type Texts = "kprobe_func" | "uprobe_path";

/**
 * struct perf_event_attr by the kernel's field names; `size` is filled in. kprobe_func and uprobe_path
 * are texts, passed by address.
 */
export type PerfEventAttr = {
  readonly [F in Exclude<StructField<"perf_event_attr">, Texts | "type" | "size">]?: number | bigint;
} & {
  readonly [F in Texts]?: string;
} & {
  /** PERF_TYPE_* or a PMU's number from /sys/bus/event_source/devices. */
  readonly type: number;
};

export interface PerfTarget {
  /** -1: every process. Under PERF_FLAG.PID_CGROUP a descriptor of a cgroup's directory. */
  readonly pid: number;
  /** -1: every CPU, which needs a pid. */
  readonly cpu: number;
  readonly group?: number;
  /** PERF_FLAG bits; FD_CLOEXEC is always set. */
  readonly flags?: number;
}
