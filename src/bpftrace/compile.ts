import type { Diagnostic, SourceText } from "../diagnostic.ts";
import type { ObjectSpec, TracePlan } from "../object/index.ts";
import { check } from "./check/check.ts";
import { type CompileTarget, generate, type PidNamespace } from "./lower/index.ts";
import { withHeaders } from "./headers.ts";
import { parse } from "./parse.ts";
import type { Program } from "./ast.ts";
import type { CheckedProgram } from "./typed.ts";
import type { CheckOptions, World } from "./world.ts";

export interface CompileOptions extends Omit<CheckOptions, "pid"> {
  readonly target: CompileTarget;
  /** Traced process: a number, or `global` where it is known only when the programs start. */
  readonly pid?: number | "global";
  readonly pidNamespace?: PidNamespace;
  /** Reads of memory that fail are counted for the session to report. */
  readonly countFailedReads?: boolean;
  /** Headers that are read before the script, as if it included them. */
  readonly headers?: readonly string[];
  /** Keep the intermediate code as text in {@link Compilation.ir}. */
  readonly printIr?: boolean;
}

/** What a script became, as far as it got. */
export interface Compilation {
  readonly program: Program;
  readonly checked?: CheckedProgram;
  readonly ir?: string;
  /** Both are there when no diagnostic is an error. */
  readonly object?: ObjectSpec;
  readonly plan?: TracePlan;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles a script: its text, the world it is to run in and the target decide every byte of the result. Findings
 * are collected, not thrown.
 */
export function compileScript(source: SourceText, world: World, options: CompileOptions): Compilation {
  const { pid, pidNamespace, printIr, target, countFailedReads, headers = [], ...rest } = options;
  const parsed = withHeaders(parse(source), headers, world);
  const { program } = parsed;
  if (failed(parsed.diagnostics)) return parsed;

  const result = check(program, world, { ...rest, ...(typeof pid === "number" && { pid }) });
  const { checked } = result;
  const found = [...parsed.diagnostics, ...result.diagnostics];
  if (checked === undefined || failed(result.diagnostics)) return { program, diagnostics: found };

  const generated = generate(checked, {
    target,
    ...(pid !== undefined && { pid }),
    ...(pidNamespace && { pidNamespace }),
    ...(countFailedReads && { countFailedReads }),
    ...(printIr && { printIr }),
  });
  const { object, plan, ir } = generated;
  const diagnostics = [...found, ...generated.diagnostics];
  const known = { program, checked, diagnostics, ...(ir !== undefined && { ir }) };
  return failed(diagnostics) ? known : { ...known, object, plan };
}

function failed(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}
