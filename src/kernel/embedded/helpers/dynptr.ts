import { ERRNO } from "../../../uapi/index.ts";
import { OutOfMemoryError } from "../heap.ts";
import { UserRingBufferMap } from "../maps/index.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL, E2BIG, ENOMEM, EBUSY } = ERRNO;
/** DYNPTR_MAX_SIZE. */
const MAX_SIZE = (1 << 24) - 1;
/** struct bpf_dynptr_kern: the data's pointer, u32 size, u32 offset. */
const DYNPTR = { data: 0, size: 8, bytes: 16 } as const;
/** Samples that one drain hands over at most (BPF_MAX_USER_RINGBUF_SAMPLES). */
const MAX_SAMPLES = 128 * 1024;

/** Memory whose size is only known as the program runs. */
export function dynptrHelpers(world: World): HelperRow[] {
  const { memory, fast } = world;
  const init = (dynptr: number, data: bigint, size: number): void => {
    memory.setU64(dynptr + DYNPTR.data, data);
    memory.setU64(dynptr + DYNPTR.size, BigInt(size));
    memory.shadow?.mark(dynptr, DYNPTR.bytes, "dynptr");
  };
  const clear = (dynptr: number): void => init(dynptr, 0n, 0);
  /** Where `size` bytes at an offset of it are, or an error. */
  const place = (dynptr: number, offset: number, size: number): number => {
    const data = memory.address(memory.u64(dynptr + DYNPTR.data));
    if (data === undefined) return -EINVAL;
    const end = (offset >>> 0) + (size >>> 0);
    return end > memory.u32(dynptr + DYNPTR.size) ? -E2BIG : data + offset;
  };
  return [
    helper("dynptr_from_mem", ["wide", "number", "wide", "address"], (data, size, flags, dynptr) => {
      const wrong = size >>> 0 > MAX_SIZE ? -E2BIG : flags !== 0n ? -EINVAL : 0;
      if (wrong < 0) clear(dynptr);
      else init(dynptr, BigInt.asUintN(64, data), size);
      return wrong;
    }),
    helper(
      "dynptr_read",
      ["address", "number", "address", "number", "wide"],
      (to, size, dynptr, offset, flags) => {
        const from = flags === 0n ? place(dynptr, offset, size) : -EINVAL;
        if (from < 0) return from;
        memory.copy(to, from, size);
        return 0;
      },
    ),
    helper(
      "dynptr_write",
      ["address", "number", "address", "number", "wide"],
      (dynptr, offset, from, size, flags) => {
        const to = flags === 0n ? place(dynptr, offset, size) : -EINVAL;
        if (to < 0) return to;
        memory.copy(to, from, size);
        return 0;
      },
    ),
    wideHelper("dynptr_data", ["address", "number", "number"], (dynptr, offset, size) => {
      const at = place(dynptr, offset, size);
      return at < 0 ? 0n : memory.pointer(at);
    }),
    helper("ringbuf_reserve_dynptr", ["address", "number", "wide", "address"], (map, size, flags, dynptr) => {
      const wrong = flags !== 0n ? -EINVAL : size >>> 0 > MAX_SIZE ? -E2BIG : 0;
      const sample = wrong < 0 ? 0n : fast.ringReserve(map, BigInt(size), 0n);
      if (sample === 0n) clear(dynptr);
      else init(dynptr, BigInt.asUintN(64, sample), size);
      return wrong < 0 ? wrong : sample === 0n ? -EINVAL : 0;
    }),
    helper("ringbuf_submit_dynptr", ["address", "wide"], (dynptr, flags) =>
      finish(dynptr, flags, fast.ringSubmit),
    ),
    helper("ringbuf_discard_dynptr", ["address", "wide"], (dynptr, flags) =>
      finish(dynptr, flags, fast.ringDiscard),
    ),
    helper("user_ringbuf_drain", ["address", "number", "wide", "wide"], (map, callback, context, flags) => {
      const ring = world.mapAt(map);
      if (!(ring instanceof UserRingBufferMap) || (flags & ~3n) !== 0n) return -EINVAL;
      if (ring.draining) return -EBUSY;
      return drain(ring, callback, context);
    }),
  ];

  function finish(dynptr: number, flags: bigint, end: (sample: number, flags: number) => number): number {
    const sample = memory.address(memory.u64(dynptr + DYNPTR.data));
    clear(dynptr);
    memory.shadow?.mark(dynptr, DYNPTR.bytes, world.strict ? "unwritten" : "live");
    if (sample === undefined) return 0;
    return end(sample, Number(flags & 3n));
  }

  /** Hands each sample to the callback as a dynptr; how many there were, or an error. */
  function drain(ring: UserRingBufferMap, callback: number, context: bigint): number {
    let dynptr: number;
    try {
      dynptr = memory.allocate(DYNPTR.bytes);
    } catch (error) {
      if (error instanceof OutOfMemoryError) return -ENOMEM;
      throw error;
    }
    ring.draining = true;
    try {
      for (let count = 0; count < MAX_SAMPLES; count++) {
        const sample = ring.nextSample();
        if (typeof sample === "number") return sample === 0 ? count : sample;
        init(dynptr, memory.pointer(sample.address), sample.size);
        memory.shadow?.mark(sample.address, sample.size, "live");
        const stop = world.machine.callback(callback, memory.pointer(dynptr), context) !== 0n;
        ring.releaseSample(sample);
        if (stop) return count + 1;
      }
      return MAX_SAMPLES;
    } finally {
      ring.draining = false;
      memory.free(dynptr);
    }
  }
}
