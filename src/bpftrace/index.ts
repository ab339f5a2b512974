/**
 * The tracing language, from text to a checked, typed program.
 *
 * `parse` yields the syntax tree (ast.ts) and `check` the {@link CheckedProgram} (typed.ts): a tree of its own in
 * which every expression node has its resolved `type` as a field. `lower` reads only that.
 */
export { type BuiltinName, type BuiltinRow, builtinRows } from "./builtins.ts";
export { type FunctionName, type FunctionRow, functionRows } from "./functions.ts";
export { type MapFunctionRow, mapFunctionRows } from "./map-functions.ts";
export {
  type PerfEventRow,
  type ProbeKind,
  type ProbeRow,
  hardwareEvents,
  probeRows,
  softwareEvents,
} from "./probes.ts";
export { check } from "./check/check.ts";
export { printSyntax, printTypes } from "./print-tree.ts";
export { formatScript } from "./format/format.ts";
export { parse } from "./parse.ts";
export type { ParseOptions, ParseResult } from "./parse.ts";
export { fieldOf, fieldsOf } from "./records.ts";
export type * from "./ast.ts";
export type * from "./typed.ts";
export * from "./types.ts";
export type * from "./world.ts";
export { printAssembly } from "./assembly.ts";
export { btfView } from "./btf-view.ts";
export { compileScript } from "./compile.ts";
export type { Compilation, CompileOptions } from "./compile.ts";
export { PORTABLE } from "./lower/index.ts";
export type { CompileTarget, PidNamespace, TargetFeatures } from "./lower/index.ts";
