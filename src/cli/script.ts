import { writeSync } from "node:fs";
import {
  compileScript,
  printAssembly,
  printSyntax,
  printTypes,
  type CompileTarget,
} from "../bpftrace/index.ts";
import { DiagnosticError, type Diagnostic, type SourceText } from "../diagnostic.ts";
import type { Kernel } from "../kernel/index.ts";
import type { Features } from "../loader/index.ts";
import type { ObjectSpec, TracePlan } from "../object/index.ts";
import { renderDiagnostic } from "../report/index.ts";
import { kernelTarget, kernelWorld } from "../script/index.ts";
import { environmentSettings } from "./parameters.ts";
import { errorStyle } from "./style.ts";

/** What can be loaded and run. */
export interface Runnable {
  readonly object: ObjectSpec;
  readonly plan: TracePlan;
  /** Texts of the compiler's stages, where there was a compiler. */
  readonly stages?: Readonly<Record<string, () => string>>;
}

export interface ScriptRequest {
  readonly source: SourceText;
  readonly kernel: Kernel;
  readonly features: Features;
  readonly positional: readonly string[];
  readonly named: Readonly<Record<string, string>>;
  readonly unsafe: boolean;
  readonly warnings: boolean;
  readonly child: boolean;
  readonly pid: number | undefined;
  readonly printIr: boolean;
  /** Values of -I and --include. */
  readonly includeFolders?: readonly string[];
  readonly headers?: readonly string[];
  readonly countFailedReads?: boolean;
  /** Absent: for the kernel at hand. */
  readonly target?: CompileTarget;
}

/**
 * Compiles a script and prints its warnings.
 * @throws DiagnosticError with everything that is wrong with it
 */
export function compileHere(request: ScriptRequest): Runnable {
  const { source, kernel, features, pid } = request;
  const compiled = compileScript(source, kernelWorld(kernel, request.includeFolders), {
    target: request.target ?? kernelTarget(kernel, features),
    positional: request.positional,
    named: request.named,
    unsafe: request.unsafe,
    config: environmentSettings(process.env),
    child: request.child,
    printIr: request.printIr,
    headers: request.headers ?? [],
    countFailedReads: request.countFailedReads ?? false,
    ...(pid !== undefined && { pid }),
  });
  const { object, plan, diagnostics } = compiled;
  if (!object || !plan) throw new DiagnosticError(diagnostics);
  if (request.warnings) showWarnings(diagnostics);
  return {
    object,
    plan,
    stages: {
      ast: () => printSyntax(compiled.program),
      types: () => (compiled.checked ? printTypes(compiled.checked) : ""),
      ir: () => compiled.ir ?? "",
      asm: () => printAssembly(object),
    },
  };
}

function showWarnings(diagnostics: readonly Diagnostic[]): void {
  for (const diagnostic of diagnostics) writeSync(2, `${renderDiagnostic(diagnostic, errorStyle)}\n`);
}
