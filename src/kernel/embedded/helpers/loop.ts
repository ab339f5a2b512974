import { ERRNO } from "../../../uapi/index.ts";
import type { World } from "../world.ts";
import { helper } from "./define.ts";
import type { HelperRow } from "./define.ts";

/** BPF_MAX_LOOPS. */
const MAX_LOOPS = 8 * 1024 * 1024;

/** Helpers that call back. */
export function loopHelpers(world: World): HelperRow[] {
  return [
    helper("loop", ["number", "number", "wide", "wide"], (count, callback, context, flags) => {
      if (flags !== 0n) return -ERRNO.EINVAL;
      if (count >>> 0 > MAX_LOOPS) return -ERRNO.E2BIG;
      for (let turn = 0; turn < count; turn++)
        if (world.machine.callback(callback, BigInt(turn), context) !== 0n) return turn + 1;
      return count;
    }),
  ];
}
