import { BPF_FUNC, ERRNO } from "../../../uapi/index.ts";
import { RingBufferMap } from "../maps/index.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL } = ERRNO;

/** Lookups, changes and rings are functions of the fast path: programs call them inside WebAssembly. */
export function mapHelpers(world: World): HelperRow[] {
  const { fast, memory } = world;
  return [
    [BPF_FUNC.map_lookup_elem, { params: ["i32", "i32"], result: "i64", call: fast.lookup }],
    [BPF_FUNC.map_update_elem, { params: ["i32", "i32", "i32", "i64"], result: "i32", call: fast.update }],
    [BPF_FUNC.map_delete_elem, { params: ["i32", "i32"], result: "i32", call: fast.remove }],
    [BPF_FUNC.ringbuf_reserve, { params: ["i32", "i64", "i64"], result: "i64", call: fast.ringReserve }],
    [BPF_FUNC.ringbuf_submit, { params: ["i32", "i32"], result: "i32", call: fast.ringSubmit }],
    [BPF_FUNC.ringbuf_discard, { params: ["i32", "i32"], result: "i32", call: fast.ringDiscard }],
    [BPF_FUNC.ringbuf_output, { params: ["i32", "i32", "i64", "i64"], result: "i32", call: fast.ringOutput }],
    [BPF_FUNC.get_smp_processor_id, { params: [], result: "i32", call: fast.cpu }],
    wideHelper("ringbuf_query", ["address", "wide"], (map, what) => {
      const ring = world.mapAt(map);
      return ring instanceof RingBufferMap ? ring.query(what) : 0n;
    }),
    helper(
      "map_push_elem",
      ["address", "address", "number"],
      (map, value, flags) => world.mapAt(map)?.push(value, flags) ?? -EINVAL,
    ),
    helper("map_pop_elem", ["address", "address"], (map, value) => world.mapAt(map)?.pop(value) ?? -EINVAL),
    helper("map_peek_elem", ["address", "address"], (map, value) => world.mapAt(map)?.peek(value) ?? -EINVAL),
    wideHelper("map_lookup_percpu_elem", ["address", "address", "number"], (map, key, cpu) =>
      memory.pointer(world.mapAt(map)?.lookupOn(key, cpu >>> 0) ?? 0),
    ),
    // The machine itself does tail calls; the table only says that programs may make them.
    helper("tail_call", ["address", "address", "number"], () => -EINVAL),
    helper("for_each_map_elem", ["address", "number", "wide", "wide"], (map, callback, context, flags) => {
      if (flags !== 0n) return -EINVAL;
      const walked = world.mapAt(map);
      return (
        walked?.forEach((key, value) => {
          const more = world.machine.callback(
            callback,
            memory.pointer(map),
            memory.pointer(key),
            memory.pointer(value),
            context,
          );
          return more === 0n;
        }) ?? -EINVAL
      );
    }),
    // One program runs at a time: a lock is free whenever one is taken.
    helper("spin_lock", ["address"], () => 0),
    helper("spin_unlock", ["address"], () => 0),
    wideHelper("kptr_xchg", ["address", "wide"], (place, pointer) => {
      const old = memory.u64(place);
      memory.setU64(place, BigInt.asUintN(64, pointer));
      return old;
    }),
  ];
}
