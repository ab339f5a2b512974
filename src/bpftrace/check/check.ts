import type { Diagnostic, SourceText } from "../../diagnostic.ts";
import type { Expression, Macro, Program } from "../ast.ts";
import { declareTypes } from "../c-declarations.ts";
import { Findings } from "../findings.ts";
import { parseExpression } from "../parse.ts";
import { probeRows } from "../probes.ts";
import { readSettings } from "../settings.ts";
import { TypeResolver } from "../type-resolver.ts";
import type { CheckedProbe, CheckResult, MapKind } from "../typed.ts";
import type { BtfView, CheckOptions, World } from "../world.ts";
import { BodyElaborator } from "./body.ts";
import { type ProbeInstance, probeInstances, wordsOf } from "./probe-instances.ts";
import { checkedMap, type MapSlots, type Round, type Shared } from "./shared.ts";
import { TypeSlot } from "./slot.ts";

/** Types only ever widen, so that few rounds settle them; this many mean a bug. */
const maxRounds = 32;

/**
 * Gives every expression its type and resolves every name. Types of variables and maps depend on all
 * their uses: the probes are checked again until nothing changes.
 */
export function check(program: Program, world: World, options: CheckOptions): CheckResult {
  const findings = new Findings();
  const settings = readSettings(program.config, options, findings);
  const words = wordsOf(program.source.text);
  const context = { world, options, settings, findings, words };
  const instances = program.items
    .flatMap((item) => (item.kind === "probe" ? probeInstances(item, context) : []))
    .filter(({ row }) => options.mode === row.kind || (row.kind !== "test" && row.kind !== "bench"));
  const views = [...(world.btf ? [world.btf] : []), ...moduleViews(instances, world)];
  const types = new TypeResolver(views, declareTypes(program, views, findings), findings);
  const macros = collectMacros(program);
  const shared: Shared = {
    world,
    options,
    settings,
    types,
    macros,
    defines: collectDefines(program),
    maps: declaredMaps(program, findings),
    variables: new Map(),
  };
  checkItems(program, findings);
  const declared = new Set(shared.maps.values());
  const { probes, round } = settle(shared, instances);
  const diagnostics: Diagnostic[] = [...findings.all, ...round.findings.all].sort(byPlace);
  if (probes.length === 0 && !diagnostics.some(({ severity }) => severity === "error"))
    findings.error(
      "no-probes",
      "There is nothing to attach: the script has no probe that exists here",
      program.span,
    );
  for (const slots of declared)
    if (!slots.value.type)
      findings.warning("unused-map", `'${slots.name}' is declared but never used`, slots.span);
  const all = [...new Set([...diagnostics, ...findings.all])];
  if (all.some(({ severity }) => severity === "error")) return { diagnostics: all };
  const maps = [...shared.maps.values()]
    .filter((slots) => slots.value.type)
    .map((slots) => checkedMap(round, slots));
  return { checked: { source: program.source, probes, maps, config: settings }, diagnostics: all };
}

function settle(
  shared: Shared,
  instances: readonly ProbeInstance[],
): { probes: CheckedProbe[]; round: Round } {
  for (let count = 1; ; count++) {
    const findings = new Findings();
    shared.types.report(findings);
    const round: Round = { shared, findings, changed: false, maps: new Map() };
    const probes = instances.flatMap((instance, index) => {
      if (instance.targets.length > 0) return new BodyElaborator(round, instance, `${index}`).probe();
      const unheard = { ...round, findings: new Findings() };
      shared.types.report(unheard.findings);
      new BodyElaborator(unheard, instance, `${index}`).probe();
      shared.types.report(findings);
      round.changed ||= unheard.changed;
      return [];
    });
    if (!round.changed || count === maxRounds) return { probes, round };
  }
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return (a.span?.start ?? 0) - (b.span?.start ?? 0);
}

/** Types of modules that probes name. */
function moduleViews(instances: readonly ProbeInstance[], world: World): BtfView[] {
  const modules = new Set(
    instances.flatMap(({ targets }) =>
      targets.flatMap(({ attach }) =>
        "module" in attach && attach.module !== undefined ? [attach.module] : [],
      ),
    ),
  );
  return [...modules].flatMap((module) => world.moduleBtf?.(module) ?? []);
}

function collectMacros(program: Program): Map<string, Macro[]> {
  const macros = new Map<string, Macro[]>();
  for (const item of program.items) {
    if (item.kind !== "macro") continue;
    const list = macros.get(item.name);
    if (list) list.push(item);
    else macros.set(item.name, [item]);
  }
  return macros;
}

/** Macros of C that are expressions; others cannot be used. */
function collectDefines(program: Program): Map<string, Expression> {
  const defines = new Map<string, Expression>();
  for (const item of program.prelude) {
    if (item.kind !== "define" || item.value === "") continue;
    const source: SourceText = { name: program.source.name, text: item.value };
    const expression = parseExpression(source);
    if (expression && !(expression.kind === "identifier" && expression.name === item.name))
      defines.set(item.name, expression);
  }
  return defines;
}

const mapKinds: readonly string[] = ["hash", "lruhash", "percpuhash", "percpulruhash"] satisfies MapKind[];
function isMapKind(word: string): word is MapKind {
  return mapKinds.includes(word);
}

function declaredMaps(program: Program, findings: Findings): Map<string, MapSlots> {
  const maps = new Map<string, MapSlots>();
  for (const item of program.items) {
    if (item.kind !== "mapDeclaration") continue;
    const { name, type, maxEntries, span } = item;
    if (!isMapKind(type)) {
      findings.error(
        "unknown-map-kind",
        `Unknown kind of map '${type}'`,
        span,
        `The kinds are ${mapKinds.join(", ")}.`,
      );
      continue;
    }
    if (maxEntries.kind !== "integer" || maxEntries.value < 1n || maxEntries.value >= 1n << 32n) {
      findings.error("bad-map-size", "A map needs a number of entries above 0", maxEntries.span);
      continue;
    }
    if (maps.has(name)) findings.error("duplicate-map", `'${name}' is declared already`, span);
    const declared = { type, maxEntries: Number(maxEntries.value) };
    maps.set(name, {
      name,
      span,
      key: new TypeSlot(),
      value: new TypeSlot(),
      keyed: undefined,
      assigned: false,
      declared,
    });
  }
  return maps;
}

function checkItems(program: Program, findings: Findings): void {
  for (const { span } of program.imports) findings.error("not-yet", "Imports are not supported yet", span);
  for (const item of program.items)
    if (item.kind === "function")
      findings.error("not-yet", "Functions are not supported yet", item.span, "Use a macro instead.");
}

/** Every kind of probe, for listings. */
export const probeKinds: readonly string[] = probeRows.map(({ kind }) => kind);
