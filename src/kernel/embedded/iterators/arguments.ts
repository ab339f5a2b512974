export type IteratorTargetName =
  | "bpf_map"
  | "bpf_map_elem"
  | "bpf_prog"
  | "bpf_link"
  | "task"
  | "task_file"
  | "task_vma";

type Argument = readonly [name: string, type: string];

/**
 * Targets of iterators, with what their programs get: DEFINE_BPF_ITER_FUNC in kernel/bpf/*_iter.c. Each argument has
 * eight bytes of the context.
 */
export const ITERATOR_ARGUMENTS: Readonly<Record<IteratorTargetName, readonly Argument[]>> = {
  bpf_map: [
    ["meta", "bpf_iter_meta *"],
    ["map", "bpf_map *"],
  ],
  bpf_map_elem: [
    ["meta", "bpf_iter_meta *"],
    ["map", "bpf_map *"],
    ["key", "void *"],
    ["value", "void *"],
  ],
  bpf_prog: [
    ["meta", "bpf_iter_meta *"],
    ["prog", "bpf_prog *"],
  ],
  bpf_link: [
    ["meta", "bpf_iter_meta *"],
    ["link", "bpf_link *"],
  ],
  task: [
    ["meta", "bpf_iter_meta *"],
    ["task", "task_struct *"],
  ],
  task_file: [
    ["meta", "bpf_iter_meta *"],
    ["task", "task_struct *"],
    ["fd", "u32"],
    ["file", "file *"],
  ],
  task_vma: [
    ["meta", "bpf_iter_meta *"],
    ["task", "task_struct *"],
    ["vma", "vm_area_struct *"],
  ],
};

export function isIteratorTarget(name: string): name is IteratorTargetName {
  return Object.hasOwn(ITERATOR_ARGUMENTS, name);
}
