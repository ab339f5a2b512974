/** Blueprints: what is to be loaded (spec), what the session does with it (plan), and how it meets a kernel. */
export { ObjectError } from "./error.ts";
export type { ObjectErrorCode } from "./error.ts";
export { fromElf } from "./from-elf.ts";
export type { ObjectFile } from "./from-elf.ts";
export type { LinkInput } from "./link/input.ts";
export { linkObjects } from "./link/link-objects.ts";
export { orderMembers } from "./member-order.ts";
export { PLAN_VERSION } from "./plan.ts";
export type * from "./plan.ts";
export { coreResolver, poisonedRelocation, relocate } from "./relocate.ts";
export type { BtfSymbol, RelocationInputs } from "./relocate.ts";
export { sectionKind } from "./section-name.ts";
export type { SectionKind } from "./section-name.ts";
export type * from "./spec.ts";
export { toElf } from "./to-elf.ts";
export { parseTracepointFormat } from "./tracepoint-format.ts";
export type { TracepointField, TracepointFormat } from "./tracepoint-format.ts";
