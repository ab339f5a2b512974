import { BtfBuilder } from "../btf/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../kernel/index.ts";
import { BPF_F, BPF_MAP_TYPE, ERRNO } from "../uapi/index.ts";

type MapAttr = BpfAttr["MAP_CREATE"];
type Shape = Partial<Omit<MapAttr, "map_type">>;

const CGROUP_STORAGE: Shape = { key_size: 16, value_size: 8, max_entries: 0 };
const LOCAL_STORAGE: Shape = {
  value_size: 8,
  max_entries: 0,
  map_flags: BPF_F.NO_PREALLOC,
  btf_key_type_id: 1,
  btf_value_type_id: 3,
};
const QUEUE: Shape = { key_size: 0 };

/** Where a map of a type does not look like the rest: u32 to u32, one element. */
const SHAPES: Readonly<Record<number, Shape>> = {
  [BPF_MAP_TYPE.STACK_TRACE]: { value_size: 8 },
  [BPF_MAP_TYPE.LPM_TRIE]: { key_size: 8, value_size: 8, map_flags: BPF_F.NO_PREALLOC },
  [BPF_MAP_TYPE.RHASH]: { map_flags: BPF_F.NO_PREALLOC },
  [BPF_MAP_TYPE.CGROUP_STORAGE]: CGROUP_STORAGE,
  [BPF_MAP_TYPE.PERCPU_CGROUP_STORAGE]: CGROUP_STORAGE,
  [BPF_MAP_TYPE.QUEUE]: QUEUE,
  [BPF_MAP_TYPE.STACK]: QUEUE,
  [BPF_MAP_TYPE.BLOOM_FILTER]: QUEUE,
  [BPF_MAP_TYPE.SK_STORAGE]: LOCAL_STORAGE,
  [BPF_MAP_TYPE.INODE_STORAGE]: LOCAL_STORAGE,
  [BPF_MAP_TYPE.TASK_STORAGE]: LOCAL_STORAGE,
  [BPF_MAP_TYPE.CGRP_STORAGE]: LOCAL_STORAGE,
  [BPF_MAP_TYPE.ARENA]: { key_size: 0, value_size: 0, map_flags: BPF_F.MMAPABLE },
  [BPF_MAP_TYPE.INSN_ARRAY]: { value_size: 16 },
};

const RINGS: ReadonlySet<number> = new Set([BPF_MAP_TYPE.RINGBUF, BPF_MAP_TYPE.USER_RINGBUF]);
const OUTER: ReadonlySet<number> = new Set([BPF_MAP_TYPE.ARRAY_OF_MAPS, BPF_MAP_TYPE.HASH_OF_MAPS]);
/** Types that `ifindex` can move to a network device. */
export const OFFLOADED_MAPS: ReadonlySet<number> = new Set([BPF_MAP_TYPE.HASH, BPF_MAP_TYPE.ARRAY]);

/** Whether the kernel makes maps of a type (a BPF_MAP_TYPE number), on a device if `ifindex` is not 0. */
export function hasMapType(kernel: Kernel, type: number, ifindex: number): boolean {
  if (type === BPF_MAP_TYPE.STRUCT_OPS) return knowsStructOps(kernel);
  const shape = SHAPES[type];
  try {
    using inner = OUTER.has(type) ? made(kernel, plain(BPF_MAP_TYPE.HASH)) : undefined;
    using btf = shape?.btf_value_type_id === undefined ? undefined : loaded(kernel, localStorageTypes());
    using _map = made(kernel, {
      ...plain(type),
      map_ifindex: ifindex,
      ...(RINGS.has(type) && { key_size: 0, value_size: 0, max_entries: kernel.pageSize }),
      ...shape,
      inner_map_fd: inner?.fd,
      btf_fd: btf?.fd,
    });
    return true;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

/** A value type that is none is refused with ENOTSUPP by kernels that look for one. */
function knowsStructOps(kernel: Kernel): boolean {
  try {
    using _map = made(kernel, { ...plain(BPF_MAP_TYPE.STRUCT_OPS), btf_vmlinux_value_type_id: 1 });
    return false;
  } catch (error) {
    if (error instanceof SyscallError) return error.errno === ERRNO.ENOTSUPP;
    throw error;
  }
}

function plain(type: number): MapAttr {
  return { map_type: type, key_size: 4, value_size: 4, max_entries: 1 };
}

function made(kernel: Kernel, attr: MapAttr): Disposable & { readonly fd: Fd } {
  const fd = kernel.bpf("MAP_CREATE", attr);
  return { fd, [Symbol.dispose]: () => kernel.close(fd) };
}

function loaded(kernel: Kernel, btf: Uint8Array): Disposable & { readonly fd: Fd } {
  const fd = kernel.bpf("BTF_LOAD", { btf });
  return { fd, [Symbol.dispose]: () => kernel.close(fd) };
}

/** As local storage wants its values: { int cnt; struct bpf_spin_lock l; }. */
function localStorageTypes(): Uint8Array {
  const builder = new BtfBuilder();
  const int = builder.signedInt("int", 4);
  const lock = builder.struct("bpf_spin_lock", 4, [{ name: "val", type: int, bitOffset: 0, bitSize: 0 }]);
  builder.struct("val", 8, [
    { name: "cnt", type: int, bitOffset: 0, bitSize: 0 },
    { name: "l", type: lock, bitOffset: 32, bitSize: 0 },
  ]);
  return builder.encode();
}
