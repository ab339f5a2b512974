export type { CoreTargets } from "./candidates.ts";
export { CoreKind, coreSubject, essentialName } from "./relocation.ts";
export type { CoreRelocation, CoreResolution } from "./relocation.ts";
export { CoreResolver, describeRelocation, relocationSubject } from "./resolver.ts";
export type { Accessor, AccessSpec } from "./spec.ts";
export { typesAreCompatible } from "./types-match.ts";
export { minimizeBtf } from "./minimize.ts";
export type { CoreUser } from "./minimize.ts";
