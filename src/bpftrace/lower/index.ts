/** From the checked script to an object and the session's plan. */
export { generate } from "./generate.ts";
export type { Generated, GenerateOptions } from "./generate.ts";
export { lower } from "./lower.ts";
export type { Lowered, LoweredProgram, LowerOptions } from "./lower.ts";
export { LocalTypes } from "./local-types.ts";
export type { LocalMember, LocalType } from "./local-types.ts";
export { PORTABLE } from "./target.ts";
export type { CompileTarget, TargetFeatures } from "./target.ts";
export type { PidNamespace } from "./unit.ts";
