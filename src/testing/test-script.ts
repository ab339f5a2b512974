import type { TraceRun } from "../library/index.ts";
import { mapJson, type MapSnapshot } from "../report/index.ts";
import type { TraceEvent } from "../trace/index.ts";

/** A script that runs on a test's kernel: what it printed, what its maps hold, how it ends. */
export class TestScript implements AsyncDisposable {
  readonly #run: TraceRun;
  readonly #events: TraceEvent[] = [];
  #last: readonly MapSnapshot[] | undefined;

  /** Made by {@link TestKernel.trace}. */
  constructor(run: TraceRun) {
    this.#run = run;
    void run.ended.then(
      () => (this.#last = this.#lastMaps()),
      () => undefined,
    );
  }

  /** All that it told so far. */
  get events(): readonly TraceEvent[] {
    this.#events.push(...this.#run.take());
    return this.#events;
  }

  /** What it printed so far: printf(), time(), join(). */
  get output(): string {
    return this.events.map((event) => ("text" in event ? lineOf(event) : "")).join("");
  }

  /**
   * What its maps hold now, or held at its end, as `-f json` shows it: `{ "@calls": 3, "@names": { "cat": 1 } }`. Keys
   * of several values are joined by commas; integers beyond 2^53 are texts.
   */
  maps(): Record<string, unknown> {
    const maps = this.#last ?? this.#run.maps();
    return Object.fromEntries(maps.map((map) => [map.name, plainMap(map)]));
  }

  /** Ends it as Ctrl-C does, so that END runs. The code of exit(), or 0. @throws what ended it */
  async stop(): Promise<number> {
    this.#run.stop();
    return this.#run.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run[Symbol.asyncDispose]();
  }

  /** Those that were shown at the end, each for the last time. */
  #lastMaps(): readonly MapSnapshot[] {
    const maps = this.events.flatMap((event) => (event.kind === "map" ? event.map : []));
    return [...new Map(maps.map((map) => [map.name, map])).values()];
  }
}

function lineOf(event: Extract<TraceEvent, { readonly text: string }>): string {
  return event.kind === "join" ? `${event.text}\n` : event.text;
}

function plainMap(map: MapSnapshot): unknown {
  const line = mapJson(map);
  if (line === undefined) return map.scalar ? null : {};
  const { data }: { data: Record<string, unknown> } = JSON.parse(line);
  return data[map.name];
}
