interface Alarm {
  readonly at: bigint;
  readonly fire: () => void;
}

/** Time that passes only when it is told to; alarms go off on the way, each at its time. */
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

  /** When the next alarm goes off. */
  get next(): bigint | undefined {
    let first: bigint | undefined;
    for (const { at } of this.#alarms) if (first === undefined || at < first) first = at;
    return first;
  }

  /** Lets time pass. Alarms that are set meanwhile go off too, if their time comes. */
  advance(nanoseconds: bigint): void {
    this.advanceTo(this.#now + nanoseconds);
  }

  /** The same up to a time; time never goes back. */
  advanceTo(end: bigint): void {
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#alarms.delete(next);
      if (next.at > this.#now) this.#now = next.at;
      next.fire();
    }
    if (end > this.#now) this.#now = end;
  }

  #next(end: bigint): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) if (alarm.at <= end && (!first || alarm.at < first.at)) first = alarm;
    return first;
  }
}
