import { BPF_F, ERRNO } from "../../../uapi/index.ts";
import type { Task } from "../events/index.ts";
import { StackTraceMap, StorageMap } from "../maps/index.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL, EFAULT, ENOENT } = ERRNO;
/** BPF_LOCAL_STORAGE_GET_F_CREATE. */
const CREATE = 1n;

/** Who runs, and what belongs to them. */
export function taskHelpers(world: World): HelperRow[] {
  const { memory, options } = world;
  const task = (): Task => world.currentTask();
  const stackOf = (flags: number): readonly bigint[] => {
    const chain = (flags & BPF_F.USER_STACK) === 0 ? task().kernelStack?.() : task().userStack?.();
    return (chain ?? []).slice(flags & BPF_F.SKIP_FIELD_MASK);
  };
  const getStack = (to: number, size: number, flags: bigint): number => {
    const out = memory.slice(to, size);
    const chain = stackOf(Number(flags & 0xffffn)).slice(0, size >>> 3);
    if (size % 8 !== 0) return -EINVAL;
    out.fill(0);
    if (chain.length === 0) return -EFAULT;
    chain.forEach((address, index) => memory.setU64(to + index * 8, address));
    return chain.length * 8;
  };
  /** Storage of the owner that a program names by a pointer, or of the one that runs. */
  const storage = (map: number, owner: bigint, initial: number, flags: bigint): bigint => {
    const values = world.mapAt(map);
    const address = memory.address(owner);
    if (!(values instanceof StorageMap) || address === undefined || flags > CREATE) return 0n;
    return memory.pointer(values.storageOf(address, flags === CREATE, initial));
  };
  const storageDelete = (map: number, owner: bigint): number => {
    const values = world.mapAt(map);
    const address = memory.address(owner);
    return values instanceof StorageMap && address !== undefined ? values.deleteOf(address) : -ENOENT;
  };
  const GET = ["address", "wide", "address", "wide"] as const;
  return [
    wideHelper("get_current_pid_tgid", [], () => (BigInt(task().tgid) << 32n) | BigInt(task().pid)),
    wideHelper("get_current_uid_gid", [], () => (BigInt(task().gid) << 32n) | BigInt(task().uid)),
    helper("get_current_comm", ["address", "number"], (to, size) => {
      const out = memory.slice(to, size);
      if (size === 0) return -EINVAL;
      out.fill(0);
      out.set(Buffer.from(task().comm).subarray(0, Math.min(15, size - 1)));
      return 0;
    }),
    wideHelper("get_current_task", [], () => memory.pointer(task().address)),
    wideHelper("get_current_task_btf", [], () => memory.pointer(task().address)),
    wideHelper("get_current_cgroup_id", [], () => task().cgroupId),
    wideHelper("get_current_ancestor_cgroup_id", ["number"], (level) =>
      level === 0 ? 1n : level === 1 ? task().cgroupId : 0n,
    ),
    // No cgroup can be in such a map.
    helper("current_task_under_cgroup", ["address", "number"], () => -ERRNO.EAGAIN),
    helper("get_ns_current_pid_tgid", ["wide", "wide", "address", "number"], (_device, _inode, to, size) => {
      if (size !== 8) return -EINVAL;
      memory.setU32(to, task().pid);
      memory.setU32(to + 4, task().tgid);
      return 0;
    }),
    helper("send_signal", ["number"], (number) => task().signal?.(number) ?? -ERRNO.EPERM),
    helper("send_signal_thread", ["number"], (number) => task().signal?.(number) ?? -ERRNO.EPERM),
    helper("get_stackid", ["address", "address", "wide"], (_context, map, flags) => {
      const stacks = world.mapAt(map);
      if (!(stacks instanceof StackTraceMap)) return -EINVAL;
      return stacks.idOf(stackOf(Number(flags & 0xffffn)), Number(flags & 0xffffn));
    }),
    helper("get_stack", ["address", "address", "number", "wide"], (_context, to, size, flags) =>
      getStack(to, size, flags),
    ),
    helper("get_task_stack", ["address", "address", "number", "wide"], (_task, to, size, flags) =>
      getStack(to, size, flags),
    ),
    wideHelper("task_pt_regs", ["wide"], () => 0n),
    wideHelper("get_attach_cookie", ["address"], () => world.run?.cookie ?? 0n),
    wideHelper("get_func_ip", ["address"], () => 0n),
    helper("get_numa_node_id", [], () => 0),
    wideHelper("task_storage_get", GET, storage),
    helper("task_storage_delete", ["address", "wide"], storageDelete),
    wideHelper("cgrp_storage_get", GET, storage),
    helper("cgrp_storage_delete", ["address", "wide"], storageDelete),
    wideHelper("inode_storage_get", GET, storage),
    helper("inode_storage_delete", ["address", "wide"], storageDelete),
    wideHelper("sk_storage_get", GET, storage),
    helper("sk_storage_delete", ["address", "wide"], storageDelete),
    wideHelper("get_local_storage", ["address", "wide"], (map) => {
      const values = world.mapAt(map);
      return values instanceof StorageMap ? memory.pointer(values.storageOf(1, true)) : 0n;
    }),
    wideHelper("get_prandom_u32", [], () => BigInt(options.random() >>> 0)),
  ];
}
