import { BPF_FUNC } from "../../uapi/index.ts";
import type { Builder, CallEffects, ResultType, Value } from "../../ir/index.ts";

interface HelperRow {
  readonly result?: ResultType;
  readonly effects: CallEffects;
}

/** Same answer during one run of a program. */
const pure: HelperRow = { effects: { pure: true, reads: [], writes: [] } };
/** Another answer each time, and nothing else. */
const fresh: HelperRow = { effects: { discardable: true, reads: [], writes: [] } };
/** Fills memory behind its first argument from elsewhere. */
const fills: HelperRow = { effects: { discardable: true, reads: [], writes: [0] } };
/** Fills it from an address of the kernel, which the program's own memory has too. */
const copies: HelperRow = { effects: { discardable: true, reads: [2], writes: [0] } };

/** The helpers that scripts compile to. */
export type HelperName =
  | "map_lookup_elem"
  | "map_lookup_percpu_elem"
  | "map_update_elem"
  | "map_delete_elem"
  | "for_each_map_elem"
  | "loop"
  | "ktime_get_ns"
  | "ktime_get_boot_ns"
  | "ktime_get_tai_ns"
  | "jiffies64"
  | "get_prandom_u32"
  | "get_smp_processor_id"
  | "get_numa_node_id"
  | "get_current_pid_tgid"
  | "get_current_uid_gid"
  | "get_current_cgroup_id"
  | "get_current_task"
  | "get_current_task_btf"
  | "get_current_comm"
  | "probe_read_kernel"
  | "probe_read_user"
  | "probe_read_kernel_str"
  | "probe_read_user_str"
  | "d_path"
  | "get_stackid"
  | "get_stack"
  | "get_func_ip"
  | "get_attach_cookie"
  | "get_ns_current_pid_tgid"
  | "get_socket_cookie"
  | "ringbuf_reserve"
  | "ringbuf_submit"
  | "ringbuf_discard"
  | "ringbuf_output"
  | "perf_event_output"
  | "send_signal"
  | "send_signal_thread"
  | "override_return"
  | "probe_write_user"
  | "trace_printk"
  | "per_cpu_ptr"
  | "this_cpu_ptr";

/** What the optimiser may think of each of them. */
const helpers: Readonly<Record<HelperName, HelperRow>> = {
  map_lookup_elem: { result: "ptr", effects: { discardable: true, reads: [1], writes: [] } },
  map_lookup_percpu_elem: { result: "ptr", effects: { discardable: true, reads: [1], writes: [] } },
  map_update_elem: { effects: { reads: [1, 2], writes: [] } },
  map_delete_elem: { effects: { reads: [1], writes: [] } },
  for_each_map_elem: { effects: {} },
  loop: { effects: {} },
  ktime_get_ns: fresh,
  ktime_get_boot_ns: fresh,
  ktime_get_tai_ns: fresh,
  jiffies64: fresh,
  get_prandom_u32: fresh,
  get_smp_processor_id: pure,
  get_numa_node_id: pure,
  get_current_pid_tgid: pure,
  get_current_uid_gid: pure,
  get_current_cgroup_id: pure,
  get_current_task: pure,
  get_current_task_btf: pure,
  get_current_comm: fills,
  probe_read_kernel: copies,
  probe_read_user: fills,
  probe_read_kernel_str: copies,
  probe_read_user_str: fills,
  d_path: fills,
  get_stack: { effects: { discardable: true, reads: [], writes: [1] } },
  get_stackid: { effects: { reads: [], writes: [] } },
  get_func_ip: pure,
  get_attach_cookie: pure,
  get_ns_current_pid_tgid: { effects: { discardable: true, reads: [], writes: [2] } },
  get_socket_cookie: { effects: { discardable: true, reads: [], writes: [] } },
  ringbuf_reserve: { result: "ptr", effects: { reads: [], writes: [] } },
  ringbuf_submit: { effects: { reads: [0], writes: [] } },
  ringbuf_discard: { effects: { reads: [], writes: [] } },
  ringbuf_output: { effects: { reads: [1], writes: [] } },
  perf_event_output: { effects: { reads: [3], writes: [] } },
  send_signal: { effects: { reads: [], writes: [] } },
  send_signal_thread: { effects: { reads: [], writes: [] } },
  override_return: { effects: { reads: [], writes: [] } },
  probe_write_user: { effects: { reads: [1], writes: [] } },
  trace_printk: { effects: { reads: [0], writes: [] } },
  per_cpu_ptr: pure,
  this_cpu_ptr: pure,
};

export function callHelper(builder: Builder, name: HelperName, args: readonly Value[]): Value {
  const row = helpers[name];
  return builder.helper(BPF_FUNC[name], name, args, { type: row.result ?? "i64", effects: row.effects });
}
