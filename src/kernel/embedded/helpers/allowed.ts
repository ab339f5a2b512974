import { BPF_ATTACH_TYPE, BPF_FUNC, BPF_PROG_TYPE } from "../../../uapi/index.ts";
import type { BpfProgTypeName } from "../../../uapi/index.ts";

/**
 * Which helpers programs of a type may call, by their numbers: what Linux 6.18 says when it is asked for each
 * of them by a program of that type (test/conformance/helpers.test.ts asks again). Types that are not here may call all.
 */
const COMMON =
  "1-3 5-8 12 14-17 22 35 37 42 55 80 87-89 93-94 105-106 109 112-115 117-118 120 123 125 130-134 141 148-149 153-154 156-158 164-165 169-172 175-177 180-182 191 194-195 197-203 208-211";
const MORE: Readonly<Partial<Record<BpfProgTypeName, string>>> = {
  SOCKET_FILTER: "25-26 46-47 68 122 136-140 160 178 196",
  KPROBE: "4 25 27 45 67 173-174",
  SCHED_CLS:
    "9-11 13 18-21 23-26 28-34 38-41 43 46-48 50 66 68-69 79 83-86 95-100 107-108 110 122 124 135-140 151-152 155 160 163 178 192 196 204-207",
  SCHED_ACT:
    "9-11 13 18-21 23-26 28-34 38-41 43 46-48 50 66 68-69 79 83-86 95-100 107-108 110 122 124 135-140 151-152 155 160 163 178 192 196 204-207",
  TRACEPOINT: "4 25 27 45 67 173-174",
  XDP: "23 25 28 44 51 54 65 69 84-86 99-100 110 136-140 160 163 178 188-190 196 204-207",
  PERF_EVENT: "4 25 27 45 56 67 119 173-174",
  CGROUP_SKB: "25-26 46-47 68 79 81 83-86 95-99 107-108 122 128-129 136-140 160 178 196",
  CGROUP_SOCK: "25 46 81 107 122 160 186-187",
  LWT_IN: "24-26 28 33-34 39 73 136-140 160 178 196",
  LWT_OUT: "24-26 28 33-34 39 136-140 160 178 196",
  LWT_XMIT: "9-11 13 20-21 23-26 28-30 33-34 38-41 43 73 135-140 160 178 196",
  SOCK_OPS: "25 46 49 53 57 59 70 81 96 107-108 122 136-140 142-144 160 178 196",
  SK_SKB: "9 25-26 38-39 43 46-47 50 52 72 84-86 99 136-140 160 178 196",
  CGROUP_DEVICE: "25 81",
  SK_MSG: "25 60-63 71 90-91 107-108 122 136-140 160 178 196",
  RAW_TRACEPOINT: "4 25 27 45 67 173-174",
  CGROUP_SOCK_ADDR: "25 46 49 57 64 81 84-86 99 107-108 122 136-140 160 178 186-187 196",
  LWT_SEG6LOCAL: "24-26 28 33-34 39 74-76 136-140 160 178 196",
  SK_REUSEPORT: "26 46 68 82 160",
  FLOW_DISSECTOR: "26 136-140 160 178 196",
  CGROUP_SYSCTL: "25 81 101-104 160",
  RAW_TRACEPOINT_WRITABLE: "4 25 27 45 67 173-174",
  CGROUP_SOCKOPT: "25 49 57 81 96 107-108 122 186-187",
  TRACING: "4 25 27 45-46 67 107-108 111 121 136-140 162 173-174 178 188 196",
  LSM: "4 25 27 45-46 67 107-108 111 121 136-140 162 173-174 178 188 196",
  SK_LOOKUP: "25 86 124 136-140 160 178 196",
  SYSCALL: "4 25 27 45-46 67 111 121 136-140 162 166-168 173 178-179 188 196",
  NETFILTER: "",
};

const SETS: ReadonlyMap<number, ReadonlySet<number>> = new Map(
  Object.entries(MORE).map(([name, more]) => [
    // Object.entries gives the keys of MORE as texts.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    BPF_PROG_TYPE[name as BpfProgTypeName],
    new Set([...numbers(COMMON), ...numbers(more)]),
  ]),
);

function numbers(ranges: string): number[] {
  return ranges
    .split(" ")
    .filter((range) => range !== "")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** Of tracing programs those at iterators alone may call them (tracing_prog_func_proto in kernel/trace/bpf_trace.c). */
const OF_ITERATORS: ReadonlySet<number> = new Set([
  BPF_FUNC.seq_printf,
  BPF_FUNC.seq_write,
  BPF_FUNC.seq_printf_btf,
  BPF_FUNC.d_path,
]);

/** `attachType`: what the program is loaded for. */
export function allowsHelper(programType: number, attachType: number, helper: number): boolean {
  if (attachType === BPF_ATTACH_TYPE.TRACE_ITER && OF_ITERATORS.has(helper)) return true;
  return SETS.get(programType)?.has(helper) ?? true;
}
