import type { RecordedEvent } from "./events.ts";

/** Which events of a recording are wanted; what is not given does not matter. */
export interface EventFilter {
  /** Numbers of the first and the last event, the first of all being 1. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** The thread. */
  readonly pid?: number | undefined;
  /** Its name. */
  readonly comm?: string | undefined;
  /** Probes as in a script, with `*` and `?`; any of them: `tracepoint:sched:*`, `t:syscalls:sys_enter_open*`. */
  readonly probes?: readonly string[] | undefined;
}

/** Those of the events that are wanted, which come in the order of their numbers. */
export function* filterEvents(
  events: Iterable<RecordedEvent>,
  { from = 1, to = Number.POSITIVE_INFINITY, pid, comm, probes }: EventFilter,
): Generator<RecordedEvent, void> {
  const patterns = probes?.map(patternOf);
  if (to < from) return;
  for (const event of events) {
    const wanted =
      event.number >= from &&
      (pid === undefined || event.pid === pid) &&
      (comm === undefined || event.comm === comm) &&
      (!patterns || patterns.some((pattern) => pattern.test(event.probe)));
    if (wanted) yield event;
    if (event.number >= to) return;
  }
}

function patternOf(probe: string): RegExp {
  const literal = probe.replace(/^t:/, "tracepoint:").replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\*+/g, ".*").replaceAll("?", ".")}$`, "s");
}
