/** Blueprints: what is to be loaded (spec) and what the session does with it (plan). */
export { PLAN_VERSION } from "./plan.ts";
export type * from "./plan.ts";
export type * from "./spec.ts";
