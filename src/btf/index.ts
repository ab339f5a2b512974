export { Btf } from "./btf.ts";
export type { BtfArray, BtfEnumerator, BtfInt, BtfMember, BtfParam, BtfSectionVariable } from "./btf.ts";
export { BtfError } from "./error.ts";
export type { BtfErrorCode } from "./error.ts";
export { BtfIntEncoding, BtfKind, BtfLinkage, isComposite, isEnum, isModifier } from "./kind.ts";
export { btfFromFile, parseBtf } from "./parse.ts";
export { CoreKind, CoreResolver, describeRelocation, essentialName } from "./core/index.ts";
export type { AccessSpec, CoreRelocation, CoreResolution, CoreTargets } from "./core/index.ts";
