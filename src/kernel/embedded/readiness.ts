import type { Watch } from "../index.ts";
import type { KernelObject } from "./kernel-object.ts";

interface Watcher {
  readonly ready: () => void;
  readonly readable: () => boolean;
  scheduled: NodeJS.Immediate | undefined;
  referenced: boolean;
}

/** A timer far away: it keeps the process alive while something is watched, as an open descriptor does. */
const LONG = 2 ** 30;

/** Who wants to know that a ring has something to read: called from the event loop, as long as it has. */
export class Readiness {
  readonly #watchers = new Map<KernelObject, Set<Watcher>>();
  #scheduled = 0;

  /** Somebody has something to read, and waits for the event loop's next turn. */
  get waiting(): boolean {
    return this.#scheduled > 0;
  }

  wake(object: KernelObject): void {
    for (const watcher of this.#watchers.get(object) ?? []) this.#schedule(watcher);
  }

  /** Calls those at once that are to be called in the next turn, until nothing is left to read. */
  settle(): boolean {
    let any = false;
    for (const watchers of this.#watchers.values()) {
      for (const watcher of watchers) {
        if (!watcher.scheduled) continue;
        this.#unschedule(watcher);
        while (watcher.readable()) {
          any = true;
          watcher.ready();
        }
      }
    }
    return any;
  }

  watch(object: KernelObject, readable: () => boolean, ready: () => void): Watch {
    const watcher: Watcher = { ready, readable, scheduled: undefined, referenced: true };
    const watchers = this.#watchers.get(object) ?? new Set();
    this.#watchers.set(object, watchers.add(watcher));
    const alive = setInterval(() => undefined, LONG);
    if (readable()) this.#schedule(watcher);
    return {
      ref: () => {
        watcher.referenced = true;
        alive.ref();
      },
      unref: () => {
        watcher.referenced = false;
        alive.unref();
        watcher.scheduled?.unref();
      },
      [Symbol.dispose]: () => {
        clearInterval(alive);
        this.#unschedule(watcher);
        watchers.delete(watcher);
        if (watchers.size === 0) this.#watchers.delete(object);
      },
    };
  }

  #unschedule(watcher: Watcher): void {
    if (!watcher.scheduled) return;
    clearImmediate(watcher.scheduled);
    watcher.scheduled = undefined;
    this.#scheduled--;
  }

  #schedule(watcher: Watcher): void {
    if (watcher.scheduled) return;
    this.#scheduled++;
    watcher.scheduled = setImmediate(() => {
      watcher.scheduled = undefined;
      this.#scheduled--;
      if (!watcher.readable()) return;
      watcher.ready();
      // Level-triggered: what was left is told again.
      if (watcher.readable()) this.#schedule(watcher);
    });
    if (!watcher.referenced) watcher.scheduled.unref();
  }
}
