import type { Diagnostic } from "../diagnostic.ts";
import type { PlanFailure, PlanMap, TracePlan } from "../object/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import type { Globals } from "./globals.ts";

/** What helpers refused the running script, as findings with the number of times. */
export class Failures {
  readonly #plan: TracePlan;
  readonly #globals: Globals;
  readonly #maps: ReadonlyMap<string, LoadedMap>;
  /** By the plan's failures: how often it was when it was told. */
  readonly #told: bigint[] = [];

  constructor(plan: TracePlan, globals: Globals, maps: ReadonlyMap<string, LoadedMap>) {
    this.#plan = plan;
    this.#globals = globals;
    this.#maps = maps;
  }

  /** Those that came up for the first time, so that one knows of it while the script runs. */
  *fresh(): Generator<Diagnostic> {
    yield* this.#findings((told) => told === undefined);
  }

  /** Those that grew since they were told. */
  *all(): Generator<Diagnostic> {
    yield* this.#findings(() => true);
  }

  *#findings(wanted: (told: bigint | undefined) => boolean): Generator<Diagnostic> {
    const { failures = [] } = this.#plan.config.globals;
    const counts = this.#globals.failures();
    for (const [index, failure] of failures.entries()) {
      const count = counts[index] ?? 0n;
      const told = this.#told[index];
      if (count === (told ?? 0n) || !wanted(told)) continue;
      this.#told[index] = count;
      yield failureDiagnostic(failure, count, this.#plan, this.#maps);
    }
  }
}

function failureDiagnostic(
  { kind, what, at }: PlanFailure,
  count: bigint,
  plan: TracePlan,
  maps: ReadonlyMap<string, LoadedMap>,
): Diagnostic {
  const place = at && { span: { source: plan.source, start: at.start, end: at.end } };
  return {
    code: `trace/${CODES[kind]}`,
    severity: "warning",
    ...text(kind, what, count, plan, maps),
    ...place,
  };
}

const CODES: Readonly<Record<PlanFailure["kind"], string>> = {
  full: "map-full",
  update: "update-failed",
  stack: "stack-lost",
  read: "read-failed",
};

function text(
  kind: PlanFailure["kind"],
  what: string,
  count: bigint,
  plan: TracePlan,
  maps: ReadonlyMap<string, LoadedMap>,
): { message: string; hints?: readonly string[] } {
  switch (kind) {
    case "full": {
      const map = plan.maps.find(({ name }) => name === what);
      const most = map && maps.get(map.map)?.spec.maxEntries;
      const room = most === undefined ? "" : `: it holds ${most} elements`;
      return {
        message: `Map ${what} is full${room}; ${times(count, "update")} of other keys ${were(count)} lost`,
        ...(map && most !== undefined && { hints: roomHints(map, most, most === plan.config.maxMapKeys) }),
      };
    }
    case "update":
      return {
        message: `${times(count, "update")} of map ${what} failed`,
        hints: ["The map was in use on the same CPU, or the kernel had no memory at that moment"],
      };
    case "stack":
      return {
        message: `${times(count, "stack")} ${were(count)} not kept: others have their places in the map of stacks`,
        hints: [
          "Fewer kinds of stacks do so less often: filter with a predicate, or ask for fewer frames: kstack(8)",
        ],
      };
    case "read":
      return {
        message: `${what} failed ${times(count, "time")}: there is no such memory, or it is not there yet`,
      };
  }
}

function roomHints({ name, perCpu, value }: PlanMap, most: number, isUsual: boolean): readonly string[] {
  const more = most * 16;
  const buckets = value.kind === "hist" || value.kind === "lhist";
  return [
    `Give it more room: let ${name} = ${perCpu ? "percpuhash" : "hash"}(${more});`,
    ...(isUsual ? [`All maps get more by config = { max_map_keys = ${more} }`] : []),
    ...(buckets ? ["Each bucket of a histogram is an element"] : []),
  ];
}

function times(count: bigint, noun: string): string {
  return `${count} ${noun}${count === 1n ? "" : "s"}`;
}

function were(count: bigint): string {
  return count === 1n ? "was" : "were";
}
