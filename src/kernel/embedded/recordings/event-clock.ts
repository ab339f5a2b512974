import type { ClockId } from "../../index.ts";
import { VirtualClock } from "../events/index.ts";

/** What other clocks are ahead of the monotonic one, in nanoseconds. */
export interface ClockOffsets {
  readonly realtime: bigint;
  readonly boottime: bigint;
  readonly tai: bigint;
}

/**
 * Time as a recording has it: it goes on from event to event and stands still within one, and timers fire between two
 * of them, each at its time. So programs see the same time while a recording is made and when it is replayed.
 */
export class EventClock {
  readonly start: bigint;
  readonly offsets: ClockOffsets;
  readonly #clock: VirtualClock;
  readonly #settle: () => void;

  /** `settle`: after each timer, so that readers see what it did before anything else happens. */
  constructor(start: bigint, offsets: ClockOffsets, settle: () => void) {
    this.start = start;
    this.offsets = offsets;
    this.#clock = new VirtualClock(start);
    this.#settle = settle;
  }

  get now(): bigint {
    return this.#clock.now;
  }

  /** When the next timer is due. */
  get next(): bigint | undefined {
    return this.#clock.next;
  }

  advanceTo(time: bigint): void {
    this.#clock.advanceTo(time);
  }

  readonly read = (id: ClockId): bigint =>
    id === "monotonic" ? this.#clock.now : this.#clock.now + this.offsets[id];

  readonly schedule = (nanoseconds: bigint, fire: () => void): Disposable =>
    this.#clock.schedule(nanoseconds, () => {
      fire();
      this.#settle();
    });
}

/** 32 random bits, the same ones from the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (bits ^ (bits >>> 14)) >>> 0;
  };
}
