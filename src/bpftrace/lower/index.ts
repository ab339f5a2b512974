/** From the checked script to intermediate code, maps and the session's plan. */
export { lower } from "./lower.ts";
export type { Lowered, LoweredProgram, LowerOptions } from "./lower.ts";
export { LocalTypes } from "./local-types.ts";
export type { LocalMember, LocalType } from "./local-types.ts";
export { PORTABLE } from "./target.ts";
export type { CompileTarget, TargetFeatures } from "./target.ts";
