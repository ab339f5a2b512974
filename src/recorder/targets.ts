import type { HookTarget } from "../attach/index.ts";
import { DEFAULT_EVENTS, originOf, PROCESS_EVENTS, type Hook } from "../kernel/embedded/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { AttachTarget, PlanProbe } from "../object/index.ts";
import { hookNameOf, isRecordable } from "./hooks.ts";

/** What later scripts may want: system calls, and what becomes of processes. */
export const DEFAULT_TARGETS: readonly HookTarget[] = tracepoints(DEFAULT_EVENTS);

/** Without these nobody knows who the others are. */
const PROCESS_TARGETS: readonly HookTarget[] = tracepoints(PROCESS_EVENTS);

export interface ChosenTargets {
  readonly targets: readonly HookTarget[];
  /** Probes whose events no recording can have, by their names. */
  readonly without: readonly string[];
}

/**
 * What is recorded for the probes of a script: their own events, those of processes, and with `all` what later scripts
 * may want. Events that a replay makes of others are recorded once.
 */
export function chooseTargets(kernel: Kernel, probes: readonly PlanProbe[], all = false): ChosenTargets {
  const base = all ? DEFAULT_TARGETS : PROCESS_TARGETS;
  const chosen = new Map<string, HookTarget>();
  const without: string[] = [];
  for (const { attach: target, name } of probes) {
    if (!isHook(target)) continue;
    if (isRecordable(target)) chosen.set(hookNameOf(kernel, target), target);
    // Timers fire in a replay, too.
    else if (target.kind !== "interval") without.push(name);
  }
  const named = new Map([...base.map((target) => [hookNameOf(kernel, target), target] as const), ...chosen]);
  const targets = [...named].flatMap(([name, target]) => {
    const origin = originOf(name);
    return origin !== undefined && named.has(origin) ? [] : target;
  });
  return { targets, without };
}

function isHook(target: AttachTarget): target is HookTarget {
  return target.kind !== "begin" && target.kind !== "end" && target.kind !== "signal";
}

function tracepoints(events: readonly Hook[]): HookTarget[] {
  return events.flatMap((hook) => (hook.kind === "tracepoint" ? hook : []));
}
