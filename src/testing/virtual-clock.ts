interface Alarm {
  readonly at: bigint;
  readonly fire: () => void;
}

/** Time that passes only when it is told to; alarms go off on the way. */
export class VirtualClock {
  #now: bigint;
  readonly #alarms = new Set<Alarm>();

  /** Nanoseconds. */
  constructor(start: bigint) {
    this.#now = start;
  }

  get now(): bigint {
    return this.#now;
  }

  schedule(after: bigint, fire: () => void): Disposable {
    const alarm = { at: this.#now + after, fire };
    this.#alarms.add(alarm);
    return { [Symbol.dispose]: () => void this.#alarms.delete(alarm) };
  }

  /** Lets time pass. Alarms that are set meanwhile go off too, if their time comes. */
  advance(nanoseconds: bigint): void {
    const end = this.#now + nanoseconds;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#alarms.delete(next);
      if (next.at > this.#now) this.#now = next.at;
      next.fire();
    }
    this.#now = end;
  }

  #next(end: bigint): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) if (alarm.at <= end && (!first || alarm.at < first.at)) first = alarm;
    return first;
  }
}
