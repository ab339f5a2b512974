import type { Hook } from "../attach/index.ts";
import type { FeatureName } from "../loader/index.ts";
import type { ObjectSpec, PlanProbe } from "../object/index.ts";
import { BPF_ATTACH_TYPE } from "../uapi/index.ts";

type Target<K extends PlanProbe["attach"]["kind"]> = Extract<PlanProbe["attach"], { readonly kind: K }>;

interface SharedKind {
  readonly feature: FeatureName;
  readonly attachType: number;
  readonly fewest: number;
}

/**
 * Kinds of probes of which one link takes hundreds, where the kernel knows such links. Those of kprobes take only
 * what ftrace traces, as wildcards do: a few functions, perhaps named one by one, stay kprobes of their own.
 */
const KINDS: Readonly<Record<"kprobe" | "uprobe", SharedKind>> = {
  kprobe: { feature: "kprobeMulti", attachType: BPF_ATTACH_TYPE.TRACE_KPROBE_MULTI, fewest: 8 },
  uprobe: { feature: "uprobeMulti", attachType: BPF_ATTACH_TYPE.TRACE_UPROBE_MULTI, fewest: 2 },
};

/** Programs whose probes share a link, by name, with these probes: those of wildcards and lists. */
export type SharedLinks = ReadonlyMap<string, readonly PlanProbe[]>;

export function sharedLinks(
  probes: readonly PlanProbe[],
  has: (feature: FeatureName) => boolean,
): SharedLinks {
  const byProgram = new Map<string, PlanProbe[]>();
  for (const probe of probes) {
    const others = byProgram.get(probe.program);
    if (others) others.push(probe);
    else byProgram.set(probe.program, [probe]);
  }
  return new Map(
    [...byProgram].filter(([, group]) => {
      const kind = commonKind(group);
      return kind !== undefined && group.length >= KINDS[kind].fewest && has(KINDS[kind].feature);
    }),
  );
}

/** The object with those programs loaded for such links. */
export function forSharedLinks(object: ObjectSpec, links: SharedLinks): ObjectSpec {
  if (links.size === 0) return object;
  return {
    ...object,
    programs: object.programs.map((program) => {
      const kind = commonKind(links.get(program.name) ?? []);
      return kind === undefined ? program : { ...program, expectedAttachType: KINDS[kind].attachType };
    }),
  };
}

/** What the probes of one program are hooked in by: one hook, or one for each file. */
export function sharedHooks(probes: readonly PlanProbe[]): Hook[] {
  const kernel = probes.flatMap(({ attach }) => (attach.kind === "kprobe" ? [attach] : []));
  const [first] = kernel;
  const hooks: Hook[] = first
    ? [{ kind: "kprobe-multi", functions: kernel.map((target) => target.function), mode: modeOf(first) }]
    : [];
  const byPath = new Map<string, Target<"uprobe">[]>();
  for (const { attach } of probes)
    if (attach.kind === "uprobe") byPath.set(attach.path, [...(byPath.get(attach.path) ?? []), attach]);
  for (const [path, targets] of byPath)
    hooks.push({ kind: "uprobe-multi", path, functions: targets.map(functionOf), mode: modeOf(targets[0]!) });
  return hooks;
}

function modeOf(target: Target<"kprobe" | "uprobe">): "entry" | "return" {
  return target.return ? "return" : "entry";
}

function functionOf({ symbol = "", offset }: Target<"uprobe">): string {
  return offset === 0 ? symbol : `${symbol}+${offset}`;
}

/** Undefined where they differ, or say more than such a link takes. */
function commonKind(probes: readonly PlanProbe[]): "kprobe" | "uprobe" | undefined {
  const first = probes[0]?.attach;
  if (first?.kind !== "kprobe" && first?.kind !== "uprobe") return undefined;
  const alike = probes.every(({ attach }) => {
    if (attach.kind === "kprobe")
      return first.kind === "kprobe" && attach.return === first.return && attach.offset === 0;
    // A star in a C++ name would be a pattern.
    return (
      attach.kind === "uprobe" &&
      first.kind === "uprobe" &&
      attach.return === first.return &&
      attach.symbol !== undefined &&
      !/[*?]/.test(attach.symbol)
    );
  });
  return alike ? first.kind : undefined;
}
