import { BPF_F, ERRNO } from "../../../uapi/index.ts";
import type { BpfMap } from "../maps/index.ts";
import type { BpfProgram } from "../programs/program.ts";
import type { World } from "../world.ts";
import { helper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL, EBUSY } = ERRNO;

interface Timer {
  readonly map: BpfMap;
  callback: number | undefined;
  program: BpfProgram | undefined;
  scheduled: Disposable | undefined;
}

/** struct bpf_timer of values: the first word is the timer's number. */
export function timerHelpers(world: World): HelperRow[] {
  const { memory } = world;
  const timers = new Map<bigint, Timer>();
  let last = 0n;
  const timerAt = (address: number): Timer | undefined => timers.get(memory.u64(address));
  const cancel = (timer: Timer): boolean => {
    const active = timer.scheduled !== undefined;
    timer.scheduled?.[Symbol.dispose]();
    timer.scheduled = undefined;
    return active;
  };
  const fire = (timer: Timer, address: number): void => {
    timer.scheduled = undefined;
    const { map, program, callback } = timer;
    const value = address - (map.definition.fields.at("bpf_timer") ?? 0);
    const key = map.keyOfValue(value);
    // The map, or the element with the timer, may be gone.
    if (!program || callback === undefined || key === undefined || timers.get(memory.u64(address)) !== timer)
      return;
    const pointers = [map.address, key, value].map((at) => memory.pointer(at));
    world.executeCallback({ program, task: world.self, cpu: 0, context: 0 }, callback, pointers);
  };
  return [
    helper("timer_init", ["address", "address", "wide"], (address, map, flags) => {
      const owner = world.mapAt(map);
      const clocks: readonly bigint[] = [0n, 1n, 7n];
      if (!owner || !clocks.includes(flags)) return -EINVAL;
      if (timerAt(address)) return -EBUSY;
      timers.set(++last, { map: owner, callback: undefined, program: undefined, scheduled: undefined });
      memory.setU64(address, last);
      return 0;
    }),
    helper("timer_set_callback", ["address", "number"], (address, callback) => {
      const timer = timerAt(address);
      if (!timer) return -EINVAL;
      timer.callback = callback;
      timer.program = world.run?.program;
      return 0;
    }),
    helper("timer_start", ["address", "wide", "wide"], (address, nanoseconds, flags) => {
      const timer = timerAt(address);
      if (!timer || (flags & ~BigInt(BPF_F.TIMER_ABS | BPF_F.TIMER_CPU_PIN)) !== 0n) return -EINVAL;
      if (timer.callback === undefined) return -EINVAL;
      cancel(timer);
      const now = world.options.clock("monotonic");
      const wait = (flags & BigInt(BPF_F.TIMER_ABS)) !== 0n ? nanoseconds - now : nanoseconds;
      timer.scheduled = world.options.schedule(wait < 0n ? 0n : wait, () => fire(timer, address));
      return 0;
    }),
    helper("timer_cancel", ["address"], (address) => {
      const timer = timerAt(address);
      if (!timer) return -EINVAL;
      return cancel(timer) ? 1 : 0;
    }),
  ];
}
