import { closeSync, openSync, readSync } from "node:fs";
import type { Diagnostic } from "../diagnostic.ts";
import type { LoadedMap } from "../loader/index.ts";
import type { PlanAction, PlanArgument, PlanMap, TracePlan } from "../object/index.ts";
import {
  argumentDecoder,
  badPlan,
  checkedField,
  constantField,
  isHistogram,
  sizeOf,
  compilePrintf,
  OutputBuffer,
  type DecodeContext,
  type RecordHandler,
  type Reporter,
  type Resolver,
} from "../report/index.ts";
import { snapshotElement, snapshotMap } from "./map-snapshot.ts";

/** Most bytes that cat() shows of a file. */
const CAT_LIMIT = 10_240;

export interface ActionContext {
  readonly plan: TracePlan;
  readonly maps: ReadonlyMap<string, LoadedMap>;
  readonly reporter: Reporter;
  readonly resolver: Resolver;
  /** Maps that zero() was called for since they were last cleared. */
  readonly zeroed: Set<PlanMap>;
  /** exit(code). */
  readonly exit: (code: number) => void;
}

/** Compiles every record of the plan into one handler, once. */
export function compileRecords(context: ActionContext): readonly RecordHandler[] {
  return context.plan.records.map(({ size, actions }) => {
    const handlers = actions.map((action) => compileAction(action, size, context));
    const [only] = handlers;
    if (only && handlers.length === 1) return only;
    return (memory, at, end) => {
      for (const handle of handlers) handle(memory, at, end);
    };
  });
}

function compileAction(action: PlanAction, size: number, context: ActionContext): RecordHandler {
  const { reporter } = context;
  const decoding: DecodeContext = { resolver: context.resolver, encoding: reporter.encoding };
  switch (action.kind) {
    case "printf":
      return reporter.handler({ kind: "printf", format: action.format, args: action.args }, size);
    case "time":
    case "join":
    case "printValue":
      return reporter.handler(action, size);
    case "system": {
      const command = textOf(action.format, action.args, size, context);
      return (memory, at, end) => runCommand(command(memory, at, end), reporter);
    }
    case "cat": {
      const path = textOf(action.format, action.args, size, context);
      return (memory, at, end) => showFile(path(memory, at, end), reporter);
    }
    case "printMap": {
      const [plan, map] = mapOf(action.map, context);
      const { top, divisor } = action;
      const options = { context: decoding, top, divisor, showUnset: true };
      return () => reporter.map(snapshotMap(plan, map, { ...options, zeroed: context.zeroed.has(plan) }));
    }
    case "printElement": {
      const [plan, map] = mapOf(action.map, context);
      const keyOf = compileKey(action.key, size);
      return ({ bytes }, at) => {
        const found = snapshotElement(plan, map, keyOf(bytes, at), { context: decoding });
        if (found === undefined) return;
        if (isHistogram(found.value)) reporter.map({ ...found.map, entries: [found] });
        else reporter.value(found.value);
      };
    }
    case "clear": {
      const [plan, map] = mapOf(action.map, context);
      return () => {
        context.zeroed.delete(plan);
        map.clear();
      };
    }
    case "zero": {
      const [plan, map] = mapOf(action.map, context);
      return () => {
        // The zeroes of a scalar look like those of one that was never assigned.
        if (snapshotMap(plan, map, { context: decoding }).entries.length > 0) context.zeroed.add(plan);
        map.zero();
      };
    }
    case "exit": {
      const code = argumentDecoder(action.code, size, decoding);
      return (memory, at, end) => context.exit(Number(code(memory, at, end)));
    }
    case "message": {
      const { source } = context.plan;
      const { severity } = action;
      const [start, end] = action.span;
      const message = textOf(action.format, action.args, size, context);
      return (memory, at, recordEnd) =>
        reporter.diagnostic({
          code: action.severity === "error" ? "trace/errorf" : "trace/warnf",
          severity,
          message: message(memory, at, recordEnd),
          span: { source, start, end },
        });
    }
    case "error": {
      const { source } = context.plan;
      const [start, end] = action.span;
      const diagnostic: Diagnostic = {
        code: "trace/runtime",
        severity: "warning",
        message: action.message,
        span: { source, start, end },
      };
      return () => reporter.diagnostic(diagnostic);
    }
  }
}

/** Reads a key's bytes from a record, or knows them. */
function compileKey(key: PlanArgument, size: number): (bytes: Buffer, at: number) => Uint8Array {
  if ("constant" in key) {
    const length = sizeOf(key.type);
    const bytes = new Uint8Array(length);
    bytes.set(constantField(key).memory.bytes.subarray(0, length));
    return () => bytes;
  }
  const { offset, type } = checkedField(key, size);
  const length = sizeOf(type);
  return (bytes, at) => Uint8Array.from(bytes.subarray(at + offset, at + offset + length));
}

function mapOf(name: string, { plan, maps }: ActionContext): readonly [PlanMap, LoadedMap] {
  const row = plan.maps.find((map) => map.name === name || map.map === name);
  const map = row && maps.get(row.map);
  if (!row || !map) throw badPlan(`no map ${name}`);
  return [row, map];
}

type Text = (...record: Parameters<RecordHandler>) => string;

function textOf(
  format: string,
  args: Parameters<typeof compilePrintf>[1],
  size: number,
  { resolver }: ActionContext,
): Text {
  const scratch = new OutputBuffer(1024);
  const write = compilePrintf(format, args, size, { resolver, encoding: "latin1" });
  return (memory, at, end) => {
    scratch.clear();
    write(memory, at, end, scratch);
    return scratch.bytes.toString("utf8", 0, scratch.length);
  };
}

function runCommand(command: string, reporter: Reporter): void {
  // Not imported: node:child_process brings streams and sockets along, 3 ms of every start.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { stdout, status, signal, error } = spawnSync("/bin/sh", ["-c", command], {
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (stdout) reporter.content("syscall", stdout);
  if (error) return warn(reporter, `system() failed: ${error.message}`);
  if (status !== 0) warn(reporter, `system(): command ended with ${signal ?? `exit code ${status}`}`);
}

function showFile(path: string, reporter: Reporter): void {
  const bytes = Buffer.alloc(CAT_LIMIT);
  try {
    const file = openSync(path, "r");
    try {
      reporter.content("cat", bytes.subarray(0, readSync(file, bytes)));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    warn(reporter, `cat() failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function warn(reporter: Reporter, message: string): void {
  reporter.diagnostic({ code: "trace/action", severity: "warning", message });
}
