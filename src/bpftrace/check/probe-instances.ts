import { parseTracepointFormat } from "../../object/index.ts";
import type { AttachPoint, Probe } from "../ast.ts";
import { functionShape, rawTracepointShape } from "../btf-types.ts";
import { didYouMean, type Findings } from "../findings.ts";
import { findProbe, probeRows, type ProbeRow } from "../probes.ts";
import type { Settings } from "../settings.ts";
import { tracepointArgs } from "../tracepoint-args.ts";
import type { CheckedTarget } from "../typed.ts";
import { int64, type RecordType, type Type } from "../types.ts";
import type { CheckOptions, World } from "../world.ts";
import { expandTargets, TargetProblem } from "./probe-targets.ts";

/** A body together with the attach points for which it means the same. */
export interface ProbeInstance {
  readonly row: ProbeRow;
  readonly probe: Probe;
  /** Empty where nothing was found: the body only tells of the types it gives to maps. */
  readonly targets: readonly CheckedTarget[];
  readonly args?: RecordType;
  /** Type of `retval`. */
  readonly result: Type;
}

export function instanceName({ targets, probe }: ProbeInstance): string {
  return targets[0]?.name ?? probe.attachPoints[0]?.text ?? "this probe";
}

interface Context {
  readonly world: World;
  readonly options: CheckOptions;
  readonly settings: Settings;
  readonly findings: Findings;
  /** The words that {@link wordsOf} found in the script. */
  readonly words: ReadonlySet<string>;
}

/** Those words of a text that may make a body mean something else in each of its probes. */
export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(Array.from(text.matchAll(/\b(args|retval|uaddr|arg)\d*\b/g), ([, word]) => word!));
}

/** Expands a probe's attach points; what cannot be found is reported. */
export function probeInstances(probe: Probe, context: Context): ProbeInstance[] {
  const byRow = new Map<ProbeRow, CheckedTarget[]>();
  for (const point of probe.attachPoints) {
    const found = expand(point, context);
    if (!found) continue;
    const list = byRow.get(found.row);
    if (list) list.push(...found.targets);
    else byRow.set(found.row, [...found.targets]);
  }
  return [...byRow].flatMap(([row, targets]) => instancesOf(probe, row, targets, context));
}

function expand(
  point: AttachPoint,
  { world, options, settings, findings }: Context,
): { row: ProbeRow; targets: readonly CheckedTarget[] } | undefined {
  const [first, ...rest] = point.parts.flatMap((part) => fillIn(part, options));
  const word = first!.replace(/^[A-Za-z_]\w*=/, "");
  const row = findProbe(word);
  if (!row) {
    const names = probeRows.map(({ kind }) => kind);
    findings.error(
      "unknown-probe",
      `Unknown kind of probe '${word}'`,
      point.span,
      ...didYouMean(word, names),
    );
    return undefined;
  }
  const result = expandTargets(point, rest, row, world);
  if (!(result instanceof TargetProblem))
    return { row, targets: result.map((target) => ({ ...target, span: point.span })) };
  const hints = [
    ...(result.near ? didYouMean(result.near.name, result.near.candidates) : []),
    ...result.hints,
    ...(result.missing && world.missingHint !== undefined ? [world.missingHint] : []),
  ];
  const isError = !result.missing || settings.missingProbes === "error";
  if (isError) findings.error("no-such-probe", result.message, point.span, ...hints);
  else if (settings.missingProbes === "warn")
    findings.warning("no-such-probe", result.message, point.span, ...hints);
  return { row, targets: [] };
}

/** `$1` in a probe's name, which may stand for several parts of it: `$1 { ... }` and `interval:ms:10`. */
function fillIn(part: string, { positional }: CheckOptions): readonly string[] {
  if (!/\$\d/.test(part)) return [part];
  return part.replace(/\$(\d+)/g, (_, digits: string) => positional[Number(digits) - 1] ?? "").split(":");
}

function instancesOf(
  probe: Probe,
  row: ProbeRow,
  targets: readonly CheckedTarget[],
  context: Context,
): ProbeInstance[] {
  // A name in the text may also stand in a macro or another probe: then one instance too many, which does no harm.
  const { words } = context;
  const typed =
    (row.args === "tracepoint" && words.has("args")) ||
    (row.args === "parameters" && (words.has("args") || words.has("arg") || words.has("retval"))) ||
    (row.space === "user" && words.has("uaddr"));
  if (!typed || targets.length === 0) return [{ row, probe, targets, result: int64 }];
  return targets.map((target) => ({ row, probe, targets: [target], ...shape(target, row, context) }));
}

function shape(
  { attach }: CheckedTarget,
  row: ProbeRow,
  { world, settings }: Context,
): { args?: RecordType; result: Type } {
  const { btf } = world;
  if (attach.kind === "tracepoint") {
    const { category, event } = attach;
    const text = world.tracepointFormat(category, event);
    if (text === undefined) return { result: int64 };
    const { fields } = parseTracepointFormat(text);
    const { maxStringLength } = settings;
    return {
      args: tracepointArgs({ category, event, fields, maxStringLength, ...(btf && { btf }) }),
      result: int64,
    };
  }
  if (attach.kind !== "fentry" && attach.kind !== "rawtracepoint") return { result: int64 };
  const from = (attach.module === undefined ? undefined : world.moduleBtf?.(attach.module)) ?? btf;
  const found =
    from &&
    (attach.kind === "fentry"
      ? functionShape(from, attach.function)
      : rawTracepointShape(from, attach.event));
  if (!found) return { result: int64 };
  return { args: found.args, result: row.retval ? found.result : int64 };
}
