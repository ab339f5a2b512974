import type { Diagnostic, SourceText, Span } from "../../diagnostic.ts";
import type { IrModule } from "../../ir/index.ts";
import type { MapSpec, PlanProbe, ProgramSpec, TracePlan } from "../../object/index.ts";
import { PLAN_VERSION } from "../../object/index.ts";
import { BPF_MAP_TYPE } from "../../uapi/index.ts";
import type {
  CheckedProbe,
  CheckedProgram,
  CheckedTarget,
  LocalVariable,
  TypedExpression,
} from "../typed.ts";
import { sizeOf } from "../types.ts";
import { Body, type Emitters } from "./body.ts";
import { currentPid } from "./builtins.ts";
import { lowerTest } from "./condition.ts";
import type { LocalTypes } from "./local-types.ts";
import { lowerLocation } from "./location.ts";
import { programKinds, ProgramNames, sectionName, targetName } from "./program-kind.ts";
import { lowerScalar } from "./scalar.ts";
import { isCalledBack, layOutCaptured } from "./for-map.ts";
import { lowerBlock } from "./statement.ts";
import { lowerStore } from "./store.ts";
import type { CompileTarget } from "./target.ts";
import { GLOBALS, type PidNamespace, RING, Unit } from "./unit.ts";
import { isScalar } from "./value-form.ts";
import { capturedVariables, walkBlock, walkExpression } from "./walk.ts";

export interface LowerOptions {
  readonly target: CompileTarget;
  /** Traced process: a number, or `global` where it is known only when the programs start. */
  readonly pid?: number | "global";
  readonly pidNamespace?: PidNamespace;
  /** Reads of memory that fail are counted for the session to report. */
  readonly countFailedReads?: boolean;
}

/** Everything about a program but its code, which its module still is to become. */
export interface LoweredProgram {
  readonly module: IrModule;
  /** The probe, for messages. */
  readonly span: Span;
  readonly spec: Omit<ProgramSpec, "insns" | "relocations" | "functions" | "lines">;
}

export interface Lowered {
  readonly programs: readonly LoweredProgram[];
  readonly maps: readonly MapSpec[];
  readonly types: LocalTypes;
  readonly plan: TracePlan;
  readonly diagnostics: readonly Diagnostic[];
}

const emitters: Emitters = {
  scalar: lowerScalar,
  store: lowerStore,
  locate: lowerLocation,
  test: lowerTest,
  block: lowerBlock,
};

/** From the checked script to one module a program, the maps they share, and the plan of the session. */
export function lower(checked: CheckedProgram, options: LowerOptions): Lowered {
  const { source, config } = checked;
  const { target } = options;
  const unit = new Unit({ ...options, source, config });
  const programs: LoweredProgram[] = [];
  const probes: PlanProbe[] = [];
  const names = new ProgramNames();
  // In the script's order, whichever program comes to use them.
  for (const map of checked.maps) unit.storage(map);
  for (const probe of checked.probes) {
    for (const targets of programTargets(probe)) {
      const [first] = targets;
      if (first === undefined) continue;
      const name = names.take(first.attach);
      programs.push(lowerProgram(unit, probe, first, name));
      for (const target of targets) probes.push(planProbe(name, target, checked.source));
    }
  }
  return {
    programs,
    maps: [...unit.maps(), ringSpec(checked, target)],
    types: unit.types,
    plan: planOf(unit, checked, probes),
    diagnostics: unit.diagnostics,
  };
}

function planProbe(program: string, { name, attach, span }: CheckedTarget, source: SourceText): PlanProbe {
  const at = span?.source === source ? { start: span.start, end: span.end } : undefined;
  return { program, name, attach, ...(at && { at }) };
}

/** Groups of targets that share a program. */
function programTargets(probe: CheckedProbe): readonly (readonly CheckedTarget[])[] {
  const { typed, separate } = programKinds[probe.kind];
  return typed === true || separate === true || namesProbe(probe)
    ? probe.targets.map((target) => [target])
    : [probe.targets];
}

/** Whether the program itself must know which of its probes it is. */
function namesProbe(probe: CheckedProbe): boolean {
  let found = false;
  const visit = (expression: TypedExpression): void => {
    if (expression.kind === "builtin" && expression.name === "probe") found = true;
  };
  walkBlock(probe.body, visit);
  if (probe.predicate) walkExpression(probe.predicate, visit);
  return found;
}

function lowerProgram(unit: Unit, probe: CheckedProbe, target: CheckedTarget, name: string): LoweredProgram {
  const kind = programKinds[probe.kind];
  const body = new Body({ unit, probe, target, name, emitters });
  body.at(probe.span, () => {
    if (kind.filtered) filterProcess(body);
    const known = probe.predicate ? filter(body, probe.predicate) : body.facts.knowledge;
    body.restartPrologue();
    settleVariables(body, probe);
    body.facts.within(() => body.block(probe.body), known);
    body.code.jump(body.exit);
  });
  const { type, expectedAttachType, typed } = kind;
  return {
    module: body.finish(),
    span: probe.span,
    spec: {
      name,
      section: sectionName(kind, target.attach),
      type,
      ...(expectedAttachType !== undefined && { expectedAttachType }),
      ...(typed && { attachTarget: targetName(target.attach) }),
    },
  };
}

/** `-p`: other processes leave at once. */
function filterProcess(body: Body): void {
  const { b, code, unit } = body;
  if (unit.pid === undefined) return;
  const pid = currentPid(body);
  const traced = code.block("traced");
  if (unit.pid !== "global") {
    code.branch("eq", pid, b.i32(unit.pid), traced, body.exit);
  } else {
    const wanted = b.load("i32", 4, b.mapValue(GLOBALS, unit.global("pid")));
    const check = code.block("check");
    code.branch("eq", wanted, b.i32(0), traced, check);
    code.at(check);
    code.branch("eq", pid, wanted, traced, body.exit);
  }
  code.at(traced);
}

function filter(body: Body, predicate: NonNullable<CheckedProbe["predicate"]>): ReturnType<Body["test"]> {
  const matches = body.code.block("matches");
  const known = body.test(predicate, matches, body.exit);
  body.code.at(matches);
  return known;
}

/** Gives memory to the variables that do not fit a register or whose address is taken. */
function settleVariables(body: Body, probe: CheckedProbe): void {
  const pointed = new Set<LocalVariable>();
  walkBlock(probe.body, (expression) => {
    if (expression.kind === "addressOf" && expression.operand.kind === "variable")
      pointed.add(expression.operand.variable);
  });
  const captured = capturedVariables(probe.body, (loop) => isCalledBack(body, loop));
  if (captured.length > 0) layOutCaptured(body, captured);
  for (const variable of probe.variables) {
    if (body.homes.has(variable)) continue;
    if (isScalar(variable.type) && !pointed.has(variable)) continue;
    const size = sizeOf(variable.type);
    const place = body.fitsStack(size) ? body.permanent(size, 8, variable.name) : body.scratch(size);
    body.homes.set(variable, place);
  }
}

/** A million short events a second fit while the reader is busy for some 50 ms. */
const RING_BYTES = 1 << 22;
const PAGE = 4096;

function ringSpec({ config }: CheckedProgram, { features }: CompileTarget): MapSpec {
  const bytes = config.ringPages === undefined ? RING_BYTES : config.ringPages * PAGE;
  const none = { keySize: 0, valueSize: 0, flags: 0 };
  if (features.ringbuf) return { name: RING, type: BPF_MAP_TYPE.RINGBUF, ...none, maxEntries: bytes };
  return {
    name: RING,
    type: BPF_MAP_TYPE.PERF_EVENT_ARRAY,
    keySize: 4,
    valueSize: 4,
    flags: 0,
    maxEntries: 0,
  };
}

function planOf(unit: Unit, { source, config }: CheckedProgram, probes: readonly PlanProbe[]): TracePlan {
  const kind = unit.target.features.ringbuf ? "ringbuf" : "perf";
  return {
    version: PLAN_VERSION,
    source: { name: source.name, text: source.text },
    probes,
    maps: unit.storages().map((storage) => storage.plan),
    records: unit.records,
    config: {
      ring: { kind, map: RING },
      globals: unit.globals(),
      maxMapKeys: config.maxMapKeys,
      maxStringLength: config.maxStringLength,
      printMapsOnExit: config.printMapsOnExit,
      unsafe: config.unsafe,
    },
  };
}
