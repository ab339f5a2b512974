import { BPF_F, BPF_MAP_TYPE, ERRNO } from "../../../uapi/index.ts";
import { ArrayMap, PerCpuArrayMap } from "./array.ts";
import { BloomFilter } from "./bloom.ts";
import { ArrayOfMaps, CgroupArray, HashOfMaps, PerfEventArray, ProgramArray } from "./handles.ts";
import { HashMap } from "./hash.ts";
import { LpmTrie } from "./lpm-trie.ts";
import { ENOTSUPP } from "./map.ts";
import type { BpfMap, MapDefinition, MapHost } from "./map.ts";
import { QueueMap } from "./queue.ts";
import { CpuMap, DeviceHash, DeviceMap } from "./redirect.ts";
import { RingBufferMap } from "./ring-buffer.ts";
import { ReuseportArray, SocketHash, SocketMap, XskMap } from "./sockets.ts";
import { StackTraceMap } from "./stack-trace.ts";
import { StorageMap } from "./storage.ts";
import { UserRingBufferMap } from "./user-ring-buffer.ts";

/** One type of map: what its attributes must be (the kernel's map_alloc_check), and its class. */
interface MapType {
  readonly make: new (host: MapHost, id: number, definition: MapDefinition) => BpfMap;
  /** Flags that may be set. */
  readonly flags: number;
  /** 0 or the error. */
  readonly check: (definition: MapDefinition) => number;
  /** Elements have BTF types. */
  readonly typed?: boolean;
}

const ACCESS = BPF_F.RDONLY | BPF_F.WRONLY | BPF_F.RDONLY_PROG | BPF_F.WRONLY_PROG;
const PROGRAM_ACCESS = BPF_F.RDONLY_PROG | BPF_F.WRONLY_PROG;
const PAGE_SIZE = 4096;
const KMALLOC_MAX = 4 * 1024 * 1024;
/** PCPU_MIN_UNIT_SIZE. */
const PER_CPU_MAX = 32 * 1024;
const MAX_STACK_DEPTH = 127;

const { EINVAL, E2BIG } = ERRNO;

const array =
  (perCpu: boolean) =>
  (map: MapDefinition): number => {
    if (map.maxEntries === 0 || map.keySize !== 4 || map.valueSize === 0) return EINVAL;
    if (map.valueSize > 0x7fffffff) return E2BIG;
    return perCpu && map.valueSize > PER_CPU_MAX ? E2BIG : 0;
  };

const handles = (map: MapDefinition): number =>
  map.maxEntries === 0 || map.keySize !== 4 || map.valueSize !== 4 ? EINVAL : 0;

const hash =
  (perCpu: boolean, lru: boolean) =>
  (map: MapDefinition): number => {
    if (!lru && (map.flags & BPF_F.NO_COMMON_LRU) !== 0) return EINVAL;
    if (lru && (map.flags & BPF_F.NO_PREALLOC) !== 0) return ENOTSUPP;
    if (perCpu && (map.flags & BPF_F.NUMA_NODE) !== 0) return EINVAL;
    if (map.maxEntries === 0 || map.keySize === 0 || map.valueSize === 0) return EINVAL;
    if (map.keySize + map.valueSize >= KMALLOC_MAX - 48) return E2BIG;
    return perCpu && map.valueSize > PER_CPU_MAX ? E2BIG : 0;
  };
const HASH_FLAGS = BPF_F.NO_PREALLOC | BPF_F.NO_COMMON_LRU | BPF_F.NUMA_NODE | ACCESS | BPF_F.ZERO_SEED;

const queue = (map: MapDefinition): number => {
  if (map.maxEntries === 0 || map.valueSize === 0 || map.keySize !== 0) return EINVAL;
  return map.valueSize > KMALLOC_MAX ? E2BIG : 0;
};

const lpm = (map: MapDefinition): number => {
  const wrong =
    map.maxEntries === 0 ||
    (map.flags & BPF_F.NO_PREALLOC) === 0 ||
    map.keySize < 5 ||
    map.keySize > 4 + 256 ||
    map.valueSize === 0 ||
    map.valueSize > KMALLOC_MAX - 512;
  return wrong ? EINVAL : 0;
};

const ring = (map: MapDefinition): number => {
  const { keySize, valueSize, maxEntries } = map;
  const power = maxEntries !== 0 && (maxEntries & (maxEntries - 1)) === 0;
  return keySize !== 0 || valueSize !== 0 || !power || maxEntries % PAGE_SIZE !== 0 ? EINVAL : 0;
};

const storage = (map: MapDefinition): number => {
  if ((map.flags & BPF_F.NO_PREALLOC) === 0 || map.maxEntries !== 0) return EINVAL;
  if (map.keySize !== 4 || map.valueSize === 0 || !map.btf?.key || !map.btf.value) return EINVAL;
  return map.valueSize > 0xffff ? E2BIG : 0;
};

const cgroupStorage = (map: MapDefinition): number => {
  if ((map.keySize !== 8 && map.keySize !== 16) || map.valueSize === 0 || map.maxEntries !== 0) return EINVAL;
  return map.valueSize > PAGE_SIZE ? E2BIG : 0;
};

const stackTrace = (map: MapDefinition): number => {
  const { keySize, valueSize, maxEntries } = map;
  // struct bpf_stack_build_id, or an address.
  const size = (map.flags & BPF_F.STACK_BUILD_ID) === 0 ? 8 : 32;
  const wrong = maxEntries === 0 || keySize !== 4 || valueSize < 8 || valueSize % size !== 0;
  return wrong || valueSize / size > MAX_STACK_DEPTH ? EINVAL : 0;
};

const bloom = (map: MapDefinition): number =>
  map.keySize !== 0 || map.valueSize === 0 || map.maxEntries === 0 || map.extra > 0xfn ? EINVAL : 0;

/** A number, and a program behind it. */
const redirect = (map: MapDefinition): number =>
  map.maxEntries === 0 || map.keySize !== 4 || (map.valueSize !== 4 && map.valueSize !== 8) ? EINVAL : 0;

/** NR_CPUS of the distributions' kernels. */
const MOST_CPUS = 8192;
const cpus = (map: MapDefinition): number => redirect(map) || (map.maxEntries > MOST_CPUS ? E2BIG : 0);

const deviceHash = (map: MapDefinition): number => redirect(map) || (map.maxEntries > 2 ** 31 ? EINVAL : 0);

const MAX_BPF_STACK = 512;
const socketHash = (map: MapDefinition): number => {
  const wrong = map.maxEntries === 0 || map.keySize === 0 || (map.valueSize !== 4 && map.valueSize !== 8);
  return wrong ? EINVAL : map.keySize > MAX_BPF_STACK ? E2BIG : 0;
};

const reuseport = (map: MapDefinition): number =>
  map.valueSize !== 4 && map.valueSize !== 8 ? EINVAL : array(false)(map);

/** No struct of functions is there that could be registered. */
const structOps = (map: MapDefinition): number =>
  map.maxEntries !== 1 || map.keySize !== 4 ? EINVAL : ENOTSUPP;

const STORAGE_FLAGS = BPF_F.NO_PREALLOC | BPF_F.CLONE;
const ARRAY_FLAGS = BPF_F.NUMA_NODE | ACCESS;
const HANDLE_FLAGS = BPF_F.NUMA_NODE | BPF_F.RDONLY | BPF_F.WRONLY;
const localStorage: MapType = { make: StorageMap, flags: STORAGE_FLAGS, check: storage, typed: true };

/** By BPF_MAP_TYPE. */
const MAP_TYPES: ReadonlyMap<number, MapType> = new Map<number, MapType>([
  [
    BPF_MAP_TYPE.ARRAY,
    {
      make: ArrayMap,
      flags: ARRAY_FLAGS | BPF_F.MMAPABLE | BPF_F.INNER_MAP,
      check: array(false),
      typed: true,
    },
  ],
  [BPF_MAP_TYPE.PERCPU_ARRAY, { make: PerCpuArrayMap, flags: ACCESS, check: array(true), typed: true }],
  [BPF_MAP_TYPE.PROG_ARRAY, { make: ProgramArray, flags: HANDLE_FLAGS, check: handles }],
  [
    BPF_MAP_TYPE.PERF_EVENT_ARRAY,
    { make: PerfEventArray, flags: HANDLE_FLAGS | BPF_F.PRESERVE_ELEMS, check: handles },
  ],
  [BPF_MAP_TYPE.CGROUP_ARRAY, { make: CgroupArray, flags: HANDLE_FLAGS, check: handles }],
  [BPF_MAP_TYPE.ARRAY_OF_MAPS, { make: ArrayOfMaps, flags: HANDLE_FLAGS, check: handles }],
  [BPF_MAP_TYPE.HASH, { make: HashMap, flags: HASH_FLAGS, check: hash(false, false), typed: true }],
  [BPF_MAP_TYPE.PERCPU_HASH, { make: HashMap, flags: HASH_FLAGS, check: hash(true, false), typed: true }],
  [BPF_MAP_TYPE.LRU_HASH, { make: HashMap, flags: HASH_FLAGS, check: hash(false, true), typed: true }],
  [BPF_MAP_TYPE.LRU_PERCPU_HASH, { make: HashMap, flags: HASH_FLAGS, check: hash(true, true), typed: true }],
  [
    BPF_MAP_TYPE.HASH_OF_MAPS,
    {
      make: HashOfMaps,
      flags: HASH_FLAGS,
      check: (map) => (map.valueSize === 4 ? hash(false, false)(map) : EINVAL),
    },
  ],
  [
    BPF_MAP_TYPE.LPM_TRIE,
    { make: LpmTrie, flags: BPF_F.NO_PREALLOC | BPF_F.NUMA_NODE | ACCESS, check: lpm, typed: true },
  ],
  [BPF_MAP_TYPE.QUEUE, { make: QueueMap, flags: ARRAY_FLAGS, check: queue, typed: true }],
  [BPF_MAP_TYPE.STACK, { make: QueueMap, flags: ARRAY_FLAGS, check: queue, typed: true }],
  [BPF_MAP_TYPE.USER_RINGBUF, { make: UserRingBufferMap, flags: BPF_F.NUMA_NODE, check: ring }],
  [BPF_MAP_TYPE.RINGBUF, { make: RingBufferMap, flags: BPF_F.NUMA_NODE, check: ring }],
  [
    BPF_MAP_TYPE.BLOOM_FILTER,
    { make: BloomFilter, flags: ARRAY_FLAGS | BPF_F.ZERO_SEED, check: bloom, typed: true },
  ],
  [
    BPF_MAP_TYPE.STACK_TRACE,
    { make: StackTraceMap, flags: HANDLE_FLAGS | BPF_F.STACK_BUILD_ID, check: stackTrace },
  ],
  [BPF_MAP_TYPE.DEVMAP, { make: DeviceMap, flags: HANDLE_FLAGS, check: redirect }],
  [BPF_MAP_TYPE.DEVMAP_HASH, { make: DeviceHash, flags: HANDLE_FLAGS, check: deviceHash }],
  [BPF_MAP_TYPE.CPUMAP, { make: CpuMap, flags: BPF_F.NUMA_NODE, check: cpus }],
  [BPF_MAP_TYPE.XSKMAP, { make: XskMap, flags: HANDLE_FLAGS, check: handles }],
  [BPF_MAP_TYPE.SOCKMAP, { make: SocketMap, flags: HANDLE_FLAGS, check: redirect }],
  [BPF_MAP_TYPE.SOCKHASH, { make: SocketHash, flags: HANDLE_FLAGS, check: socketHash }],
  [BPF_MAP_TYPE.REUSEPORT_SOCKARRAY, { make: ReuseportArray, flags: ARRAY_FLAGS, check: reuseport }],
  [BPF_MAP_TYPE.STRUCT_OPS, { make: ArrayMap, flags: BPF_F.LINK | BPF_F.VTYPE_BTF_OBJ_FD, check: structOps }],
  [BPF_MAP_TYPE.TASK_STORAGE, localStorage],
  [BPF_MAP_TYPE.SK_STORAGE, localStorage],
  [BPF_MAP_TYPE.INODE_STORAGE, localStorage],
  [BPF_MAP_TYPE.CGRP_STORAGE, localStorage],
  [BPF_MAP_TYPE.CGROUP_STORAGE, { make: StorageMap, flags: ARRAY_FLAGS, check: cgroupStorage, typed: true }],
]);

export function isTyped(type: number): boolean {
  return MAP_TYPES.get(type)?.typed === true;
}

/** 0, or the error that the kernel gives for such attributes. */
export function checkDefinition(definition: MapDefinition): number {
  const type = MAP_TYPES.get(definition.type);
  if (!type || (definition.flags & ~type.flags) !== 0) return EINVAL;
  if ((definition.flags & PROGRAM_ACCESS) === PROGRAM_ACCESS) return EINVAL;
  if (definition.extra !== 0n && definition.type !== BPF_MAP_TYPE.BLOOM_FILTER) return EINVAL;
  return type.check(definition);
}

/** @throws OutOfMemoryError */
export function createMap(host: MapHost, id: number, definition: MapDefinition): BpfMap {
  return new (MAP_TYPES.get(definition.type)!.make)(host, id, definition);
}
