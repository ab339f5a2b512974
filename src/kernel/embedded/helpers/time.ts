import type { World } from "../world.ts";
import { wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const JIFFIES_A_SECOND = 250n;
const NANOSECONDS = 1_000_000_000n;

export function timeHelpers({ options: { clock } }: World): HelperRow[] {
  return [
    wideHelper("ktime_get_ns", [], () => clock("monotonic")),
    wideHelper("ktime_get_boot_ns", [], () => clock("boottime")),
    wideHelper("ktime_get_coarse_ns", [], () => clock("monotonic")),
    wideHelper("ktime_get_tai_ns", [], () => clock("tai")),
    wideHelper("jiffies64", [], () => (clock("monotonic") * JIFFIES_A_SECOND) / NANOSECONDS),
  ];
}
