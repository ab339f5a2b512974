import { PERF_COUNT_SW, PERF_TYPE, STRUCT } from "../../../uapi/index.ts";
import type { Hook } from "./hook.ts";

const CLOCKS: ReadonlySet<bigint> = new Set([
  BigInt(PERF_COUNT_SW.CPU_CLOCK),
  BigInt(PERF_COUNT_SW.TASK_CLOCK),
]);
const NANOSECONDS = 1_000_000_000n;
const SHORTEST_MS = 1;

/**
 * Perf events of clocks (profile, interval) fire from the event loop, with a context that has no registers.
 * Undefined for hooks that no clock fires.
 */
export function startClock(
  hook: Hook,
  fire: (context: Uint8Array, cpu: number) => void,
): Disposable | undefined {
  if (hook.kind !== "perf" || hook.type !== PERF_TYPE.SOFTWARE || !CLOCKS.has(hook.config)) return undefined;
  const period = hook.frequency > 0n ? NANOSECONDS / hook.frequency : hook.period;
  const context = new Uint8Array(STRUCT.bpf_perf_event_data.size);
  const { offset } = STRUCT.bpf_perf_event_data.fields.sample_period;
  new DataView(context.buffer).setBigUint64(offset, period, true);
  const every = Math.max(SHORTEST_MS, Number(period) / 1e6);
  const timer = setInterval(() => fire(context, Math.max(0, hook.cpu)), every);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
