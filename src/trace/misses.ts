import { linkMisses, programMisses } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { PlanProbe } from "../object/index.ts";

/** One program's hook. */
interface Hooked {
  readonly program: string;
  readonly link: { readonly fds: readonly Fd[] };
}

/** By program, as far as its links know it: they must still be there. */
export function missedByLinks(kernel: Kernel, hooks: readonly Hooked[]): ReadonlyMap<string, bigint> {
  const missed = new Map<string, bigint>();
  for (const { program, link } of hooks)
    for (const fd of link.fds) missed.set(program, (missed.get(program) ?? 0n) + linkMisses(kernel, fd));
  return missed;
}

/** Programs that were reached and not run, by their probes' names, with what their links missed. */
export function* missedHits(
  kernel: Kernel,
  probes: readonly PlanProbe[],
  programOf: (probe: PlanProbe) => { readonly fd: Fd },
  byLinks: ReadonlyMap<string, bigint>,
): Generator<{ readonly probe: string; readonly hits: bigint }, void, void> {
  for (const [program, [first, ...others]] of groupByProgram(probes)) {
    if (!first) continue;
    const hits = programMisses(kernel, programOf(first).fd) + (byLinks.get(program) ?? 0n);
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    if (hits > 0n) yield { probe: `${first.name}${more}`, hits };
  }
}

function groupByProgram(probes: readonly PlanProbe[]): ReadonlyMap<string, PlanProbe[]> {
  const groups = new Map<string, PlanProbe[]>();
  for (const probe of probes) {
    const group = groups.get(probe.program);
    if (group) group.push(probe);
    else groups.set(probe.program, [probe]);
  }
  return groups;
}
