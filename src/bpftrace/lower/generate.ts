import type { Diagnostic } from "../../diagnostic.ts";
import { compileModule, JumpRangeError, printModule, StackOverflowError } from "../../ir/index.ts";
import { orderMembers } from "../../object/index.ts";
import type { ObjectSpec, ProgramSpec, TracePlan } from "../../object/index.ts";
import type { CheckedProgram } from "../typed.ts";
import { holdLocalValues } from "./core-values.ts";
import { encodeBtf } from "./local-btf.ts";
import { layOutLocally } from "./local-layout.ts";
import { lower, type LoweredProgram, type LowerOptions } from "./lower.ts";

export interface Generated {
  readonly object: ObjectSpec;
  readonly plan: TracePlan;
  readonly diagnostics: readonly Diagnostic[];
  /** Intermediate code of the programs as it was lowered, when asked for. */
  readonly ir?: string;
}

export interface GenerateOptions extends LowerOptions {
  /** Fill in {@link Generated.ir}. */
  readonly printIr?: boolean;
}

/** From the checked script to what is loaded and how the session treats it. */
export function generate(checked: CheckedProgram, options: GenerateOptions): Generated {
  const lowered = lower(checked, options);
  const ir = options.printIr
    ? lowered.programs.map(({ module }) => printModule(module)).join("\n")
    : undefined;
  const diagnostics = [...lowered.diagnostics];
  const failed = diagnostics.some((diagnostic) => diagnostic.severity === "error");
  const btf = encodeBtf(layOutLocally(lowered.types.types, lowered.types.kernelRecords()));
  const programs = failed
    ? []
    : lowered.programs.flatMap((program) => code(program, options, btf, diagnostics) ?? []);
  return {
    object: orderMembers({ license: checked.config.license, maps: lowered.maps, programs, btf }),
    plan: lowered.plan,
    diagnostics,
    ...(ir !== undefined && { ir }),
  };
}

function code(
  { module, spec, span }: LoweredProgram,
  { target }: LowerOptions,
  btf: Uint8Array,
  diagnostics: Diagnostic[],
): ProgramSpec | undefined {
  try {
    const { insns, relocations, functions, lines } = compileModule(module, { cpu: `v${target.cpu}` });
    return { ...spec, insns: holdLocalValues(insns, relocations, btf), relocations, functions, lines };
  } catch (error) {
    // The script asks for more than one program of the kernel can be.
    if (!(error instanceof StackOverflowError || error instanceof JumpRangeError)) throw error;
    const { message, hints } = error;
    diagnostics.push({ code: "bpftrace/too-large", severity: "error", message, span, hints });
    return undefined;
  }
}
