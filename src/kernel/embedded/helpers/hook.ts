import { BPF_PROG_TYPE, ERRNO } from "../../../uapi/index.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL, EFAULT, ENAMETOOLONG, ENOENT, EOPNOTSUPP } = ERRNO;

/** What programs ask of the hook they run at: arguments, results, names. */
export function hookHelpers(world: World): HelperRow[] {
  const { memory } = world;
  /** Arguments of what is traced: the context is an array of them. */
  const argumentAt = (context: number, index: number, to: number): number => {
    if (index < 0 || index >= MOST_ARGUMENTS) return -EINVAL;
    memory.setU64(to, memory.u64(context + index * 8));
    return 0;
  };
  return [
    helper("get_func_arg", ["address", "number", "address"], argumentAt),
    helper("get_func_ret", ["address", "address"], () => -EOPNOTSUPP),
    wideHelper("get_func_arg_cnt", ["address"], () => BigInt(MOST_ARGUMENTS)),
    helper("get_retval", [], () => world.run?.state?.result ?? 0),
    helper("set_retval", ["number"], (value) => {
      const state = world.run?.state;
      // Only errors, but for getsockopt's hook, which may also say that all is well.
      const free = world.run?.program.type === BPF_PROG_TYPE.CGROUP_SOCKOPT;
      if (!state || (!free && (value >= 0 || value < -MAX_ERRNO))) return -EINVAL;
      state.result = value;
      return 0;
    }),
    helper("sysctl_get_name", ["address", "address", "number", "wide"], (_context, to, size, flags) => {
      const path = world.run?.state?.sysctl?.name ?? "";
      return copyText(to, size, (flags & 1n) === 0n ? path : path.split("/").at(-1)!);
    }),
    helper("sysctl_get_current_value", ["address", "address", "number"], (_context, to, size) =>
      copyText(to, size, world.run?.state?.sysctl?.current),
    ),
    helper("sysctl_get_new_value", ["address", "address", "number"], (_context, to, size) =>
      copyText(to, size, world.run?.state?.sysctl?.next),
    ),
    helper("sysctl_set_new_value", ["address", "address", "number"], (_context, from, size) => {
      const sysctl = world.run?.state?.sysctl;
      if (!sysctl || sysctl.next === undefined || size <= 0) return -EINVAL;
      sysctl.next = Buffer.from(memory.slice(from, size)).toString("latin1").replace(/\0.*$/s, "");
      return 0;
    }),
    // What the embedded kernel has not: symbols, mappings, paths, branches.
    helper("kallsyms_lookup_name", ["address", "number", "number", "address"], (_name, _size, flags, to) => {
      memory.setU64(to, 0n);
      return flags === 0 ? -ENOENT : -EINVAL;
    }),
    helper("find_vma", ["address", "wide", "number", "wide", "wide"], () => -ENOENT),
    helper("d_path", ["address", "address", "number"], (path, to, size) => {
      const text = world.paths.get(path);
      const out = memory.slice(to, size);
      if (size === 0) return 0;
      if (text === undefined) return -EINVAL;
      const bytes = Buffer.from(`${text}\0`, "latin1");
      if (bytes.length > size) return -ENAMETOOLONG;
      out.set(bytes);
      return bytes.length;
    }),
    helper("read_branch_records", ["address", "address", "number", "wide"], () => -ENOENT),
    helper("get_branch_snapshot", ["address", "number", "wide"], () => -ENOENT),
    helper("override_return", ["address", "wide"], () => 0),
    helper(
      "copy_from_user_task",
      ["address", "number", "wide", "address", "wide"],
      (to, size, from, task, flags) => {
        const out = memory.slice(to, size);
        const process = world.taskAt(task);
        if (flags !== 0n) return -EINVAL;
        if (process?.readUser(BigInt.asUintN(64, from), out)) return 0;
        out.fill(0);
        return -EFAULT;
      },
    ),
    wideHelper("per_cpu_ptr", ["wide", "number"], (pointer, cpu) =>
      cpu < world.cpus && cpu >= 0 ? pointer : 0n,
    ),
    wideHelper("this_cpu_ptr", ["wide"], (pointer) => pointer),
  ];

  /** A text with its NUL, cut if it does not fit; its whole length, or an error. */
  function copyText(to: number, size: number, text: string | undefined): number {
    const out = memory.slice(to, size);
    out.fill(0);
    if (text === undefined) return -EINVAL;
    out.set(Buffer.from(text).subarray(0, Math.max(0, size - 1)));
    return text.length >= size ? -ERRNO.E2BIG : text.length;
  }
}

/** MAX_BPF_FUNC_ARGS. */
const MOST_ARGUMENTS = 12;
const MAX_ERRNO = 4095;
