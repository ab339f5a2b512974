import { PERF_COUNT_SW, PERF_TYPE, STRUCT } from "../../../uapi/index.ts";
import type { ClockId } from "../../index.ts";
import type { Hook } from "./hook.ts";

const CLOCKS: ReadonlySet<bigint> = new Set([
  BigInt(PERF_COUNT_SW.CPU_CLOCK),
  BigInt(PERF_COUNT_SW.TASK_CLOCK),
]);
const NANOSECONDS = 1_000_000_000n;
const SHORTEST = 1_000_000n;

/** What tells the time, and calls back when it has come. */
export interface Timekeeper {
  readonly clock: (id: ClockId) => bigint;
  readonly schedule: (nanoseconds: bigint, fire: () => void) => Disposable;
}

/**
 * Perf events of clocks (profile, interval) fire at multiples of their period, with a context that has no registers.
 * Undefined for hooks that no clock fires.
 */
export function startClock(
  hook: Hook,
  { clock, schedule }: Timekeeper,
  fire: (context: Uint8Array, cpu: number) => void,
): Disposable | undefined {
  if (hook.kind !== "perf" || hook.type !== PERF_TYPE.SOFTWARE || !CLOCKS.has(hook.config)) return undefined;
  const asked = hook.frequency > 0n ? NANOSECONDS / hook.frequency : hook.period;
  const period = asked < SHORTEST ? SHORTEST : asked;
  const context = new Uint8Array(STRUCT.bpf_perf_event_data.size);
  const { offset } = STRUCT.bpf_perf_event_data.fields.sample_period;
  new DataView(context.buffer).setBigUint64(offset, asked, true);
  let due = clock("monotonic");
  let scheduled: Disposable;
  const next = (): void => {
    due += period;
    const now = clock("monotonic");
    // Ticks that were missed are left out, as a busy kernel does.
    if (due <= now) due = now + period;
    scheduled = schedule(due - now, () => {
      next();
      fire(context, Math.max(0, hook.cpu));
    });
  };
  next();
  return { [Symbol.dispose]: () => scheduled[Symbol.dispose]() };
}
