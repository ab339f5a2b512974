import { BPF_MAP_TYPE } from "../../../uapi/index.ts";
import { HashMap } from "../maps/index.ts";
import type { BpfMap } from "../maps/index.ts";
import { BlockLayout, StructBlock } from "../types/index.ts";
import type { World } from "../world.ts";
import { fillMap } from "./object-cursors.ts";
import type { Cursor, Item } from "./target.ts";

const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.PERCPU_HASH,
  BPF_MAP_TYPE.LRU_PERCPU_HASH,
  BPF_MAP_TYPE.PERCPU_ARRAY,
]);
const ITERABLE: ReadonlySet<number> = new Set([
  ...PER_CPU,
  BPF_MAP_TYPE.HASH,
  BPF_MAP_TYPE.LRU_HASH,
  BPF_MAP_TYPE.ARRAY,
]);

/** Whether a map's elements can be iterated over (bpf_iter_attach_map in kernel/bpf/map_iter.c). */
export function hasElementIterator(map: BpfMap): boolean {
  return ITERABLE.has(map.type);
}

export function elementCursor(world: World, map: BpfMap): Cursor {
  return map instanceof HashMap ? hashCursor(world, map) : arrayCursor(world, map);
}

/** Elements of bucket after bucket; in a bucket those are skipped that were seen (bpf_hash_map_seq_find_next). */
function hashCursor(world: World, map: HashMap): Cursor {
  let bucket = 0;
  let skip = 0;
  return {
    current: () => {
      for (; bucket < map.bucketCount; bucket++, skip = 0) {
        const key = map.bucket(bucket)[skip];
        if (key !== undefined) return element(world, map, key);
      }
      return undefined;
    },
    advance: () => void skip++,
  };
}

function arrayCursor(world: World, map: BpfMap): Cursor {
  let index = 0;
  return {
    current: () => {
      if (index >= map.definition.maxEntries) return undefined;
      const key = world.memory.allocateShared(8, "readonly");
      world.memory.setU32(key, index);
      return element(world, map, key, key);
    },
    advance: () => void index++,
  };
}

/** Values of one CPU are the map's own; of several they are copies, one behind the other. `owned`: freed behind it. */
function element(world: World, map: BpfMap, key: number, ...owned: readonly number[]): Item {
  const { memory } = world;
  const layout = new BlockLayout(world.structs, ["bpf_map"]);
  const block = new StructBlock(memory, layout, memory.allocateShared(layout.size, "readonly"));
  fillMap(map, block);
  const copies = PER_CPU.has(map.type) ? memory.allocateShared(map.userValueSize) : undefined;
  if (copies !== undefined) map.read(key, memory.slice(copies, map.userValueSize), 0);
  const value = copies ?? map.lookup(key);
  return {
    args: [block.address, key, value].map((address) => memory.pointer(address)),
    [Symbol.dispose]: () => {
      for (const address of [block.address, ...owned, ...(copies === undefined ? [] : [copies])])
        memory.free(address);
    },
  };
}
