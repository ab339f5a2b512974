import { BtfBuilder } from "../../../src/btf/index.ts";
import type { BpfAttr, Fd } from "../../../src/kernel/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../../../src/uapi/index.ts";
import type { Holding } from "./holding.ts";

type Shape = Partial<Omit<BpfAttr["MAP_CREATE"], "map_type">>;
type MapTypeName = keyof typeof BPF_MAP_TYPE;

const PLAIN: Shape = { key_size: 4, value_size: 4, max_entries: 4 };

/** Every type that can be made with sizes alone; the sizes differ so that each way of printing is met. */
const MAPS: readonly (readonly [type: MapTypeName, shape: Shape, name?: string])[] = [
  ["HASH", { key_size: 4, value_size: 8, max_entries: 16 }],
  ["HASH", { key_size: 20, value_size: 33, max_entries: 4 }, "long_hash"],
  ["HASH", { key_size: 12, value_size: 12, max_entries: 4 }, "edge_hash"],
  ["ARRAY", { value_size: 2 }],
  ["PROG_ARRAY", {}],
  ["PERF_EVENT_ARRAY", {}],
  ["PERCPU_HASH", { value_size: 12 }],
  ["PERCPU_ARRAY", { value_size: 20 }],
  ["STACK_TRACE", { value_size: 40 }],
  ["CGROUP_ARRAY", {}],
  ["LRU_HASH", {}],
  ["LRU_PERCPU_HASH", { value_size: 8 }],
  ["LPM_TRIE", { key_size: 8, value_size: 4, map_flags: BPF_F.NO_PREALLOC }],
  ["DEVMAP", {}],
  ["DEVMAP_HASH", {}],
  ["SOCKMAP", {}],
  ["CPUMAP", {}],
  ["XSKMAP", {}],
  ["SOCKHASH", {}],
  ["REUSEPORT_SOCKARRAY", { value_size: 8 }],
  ["QUEUE", { key_size: 0 }],
  ["STACK", { key_size: 0, value_size: 20 }],
  ["RINGBUF", { key_size: 0, value_size: 0, max_entries: 4096 }],
  ["USER_RINGBUF", { key_size: 0, value_size: 0, max_entries: 4096 }],
  ["BLOOM_FILTER", { key_size: 0 }],
  ["CGROUP_STORAGE", { key_size: 16, value_size: 8, max_entries: 0 }],
  ["PERCPU_CGROUP_STORAGE", { key_size: 16, value_size: 8, max_entries: 0 }],
  ["ARENA", { key_size: 0, value_size: 0, map_flags: BPF_F.MMAPABLE }],
  ["INSN_ARRAY", { value_size: 16 }],
];

const STORAGE: readonly MapTypeName[] = ["SK_STORAGE", "INODE_STORAGE", "TASK_STORAGE", "CGRP_STORAGE"];
const OUTER: readonly MapTypeName[] = ["ARRAY_OF_MAPS", "HASH_OF_MAPS"];

export function makeMaps(holding: Holding): void {
  const { kernel } = holding;
  for (const [type, shape, given] of MAPS) {
    const name = given ?? type.toLowerCase();
    holding.make(`map ${name}`, () =>
      kernel.bpf("MAP_CREATE", {
        map_type: BPF_MAP_TYPE[type],
        key_size: 4,
        value_size: 4,
        max_entries: 4,
        ...PLAIN,
        ...shape,
        map_name: name.slice(0, 15),
      }),
    );
  }
  for (const type of STORAGE)
    holding.make(`map ${type.toLowerCase()}`, () =>
      localStorage(holding, BPF_MAP_TYPE[type], type.toLowerCase()),
    );
  for (const type of OUTER)
    holding.make(`map ${type.toLowerCase()}`, () =>
      kernel.bpf("MAP_CREATE", {
        map_type: BPF_MAP_TYPE[type],
        key_size: 4,
        value_size: 4,
        max_entries: 4,
        inner_map_fd: holding.get("map array"),
        map_name: type.toLowerCase().slice(0, 15),
      }),
    );
  fill(holding);
}

function localStorage({ kernel }: Holding, type: number, name: string): Fd {
  const types = new BtfBuilder();
  const int = types.signedInt("int", 4);
  types.struct("stored", 8, [
    { name: "count", type: int, bitOffset: 0, bitSize: 0 },
    { name: "flag", type: int, bitOffset: 32, bitSize: 0 },
  ]);
  const btf = kernel.bpf("BTF_LOAD", { btf: types.encode() });
  try {
    return kernel.bpf("MAP_CREATE", {
      map_type: type,
      key_size: 4,
      value_size: 8,
      max_entries: 0,
      map_flags: BPF_F.NO_PREALLOC,
      map_name: name.slice(0, 15),
      btf_fd: btf,
      btf_key_type_id: int,
      btf_value_type_id: 2,
    });
  } finally {
    kernel.close(btf);
  }
}

/** Elements of what holds plain bytes, and objects in what holds those. */
function fill(holding: Holding): void {
  const cpus = holding.kernel.files.possibleCpus().length;
  const put = (map: string, key: readonly number[], value: readonly number[]): void =>
    holding.attempt(`fill ${map}`, () =>
      holding.kernel.bpf("MAP_UPDATE_ELEM", {
        map_fd: holding.get(`map ${map}`),
        ...(key.length > 0 && { key: Uint8Array.from(key) }),
        value: Uint8Array.from(value),
      }),
    );
  for (let index = 0; index < 3; index++) {
    put("hash", [index, 0, 0, 0], run(8, index * 8));
    put("long_hash", run(20, index), run(33, index));
    put("edge_hash", run(12, index), run(12, index));
    put("array", [index, 0, 0, 0], [index, 255]);
    put("lru_hash", [index, 0, 0, 0], run(4, index));
    put("lpm_trie", [8 * index, 0, 0, 0, 10, 0, 0, 0], run(4, index));
    put("percpu_hash", [index, 0, 0, 0], run(16 * cpus, index));
    put("percpu_array", [index, 0, 0, 0], run(24 * cpus, index));
    put("lru_percpu_hash", [index, 0, 0, 0], run(8 * cpus, index));
    put("queue", [], run(4, index));
    put("stack", [], run(20, index));
    put("bloom_filter", [], run(4, index));
  }
  put("devmap", [0, 0, 0, 0], [1, 0, 0, 0]);
  put("devmap_hash", [7, 0, 0, 0], [1, 0, 0, 0]);
  put("cpumap", [0, 0, 0, 0], [64, 0, 0, 0]);
  const array = holding.fds.get("map array");
  if (array !== undefined) {
    put("array_of_maps", [1, 0, 0, 0], word(array));
    put("hash_of_maps", [9, 0, 0, 0], word(array));
  }
}

/** So many bytes, each one more than the one before. */
function run(length: number, from = 0): number[] {
  return Array.from({ length }, (_, at) => (from + at) & 255);
}

function word(fd: Fd): number[] {
  return [...new Uint8Array(Uint32Array.of(fd).buffer)];
}
