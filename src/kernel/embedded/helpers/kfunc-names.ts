/** Kernel functions that programs may call by BTF id. */
export const KFUNCS = [
  "bpf_rdonly_cast",
  "bpf_cast_to_kern_ctx",
  "bpf_iter_num_new",
  "bpf_iter_num_next",
  "bpf_iter_num_destroy",
  "bpf_rcu_read_lock",
  "bpf_rcu_read_unlock",
  "bpf_preempt_disable",
  "bpf_preempt_enable",
  "bpf_task_acquire",
  "bpf_task_release",
  "bpf_task_from_pid",
] as const;
export type KfuncName = (typeof KFUNCS)[number];

/** In the machine's table of helpers they follow the helpers. */
export const KFUNC_BASE = 1024;

/** In that table, what calls become that no kernel could do. */
export const MISSING_FUNCTION: number = KFUNC_BASE - 1;

export function kfuncNumber(name: string): number | undefined {
  const index = KFUNCS.findIndex((candidate) => candidate === name);
  return index < 0 ? undefined : index;
}
