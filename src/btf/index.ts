export { Btf } from "./btf.ts";
export type { BtfArray, BtfEnumerator, BtfInt, BtfMember, BtfParam, BtfSectionVariable } from "./btf.ts";
export { BtfError } from "./error.ts";
export type { BtfErrorCode } from "./error.ts";
export { BtfIntEncoding, BtfKind, BtfLinkage, isComposite, isEnum, isModifier } from "./kind.ts";
export { btfFromFile, parseBtf } from "./parse.ts";
export {
  CoreKind,
  CoreResolver,
  describeRelocation,
  relocationSubject,
  essentialName,
  minimizeBtf,
  typesAreCompatible,
} from "./core/index.ts";
export type { AccessSpec, CoreRelocation, CoreResolution, CoreTargets, CoreUser } from "./core/index.ts";
export { BtfBuilder } from "./builder.ts";
export type { BtfModifier } from "./builder.ts";
export { decodeBtfExt, encodeBtfExt } from "./ext.ts";
export type { BtfExtFunction, BtfExtLine, BtfExtRelocation, BtfExtSection } from "./ext.ts";
export { olderBtf, sanitizeBtf } from "./sanitize.ts";
export type { BtfFeatures } from "./sanitize.ts";
export { cHeader, cHeaderBytes } from "./dump/c-header.ts";
export type { CHeaderOptions } from "./dump/c-header.ts";
export { ByteSink } from "./dump/byte-sink.ts";
export { rawText } from "./dump/raw-text.ts";
export { RawTypes } from "./dump/raw-types.ts";
export type { RawVisitor } from "./dump/raw-types.ts";
export { dedupBtf } from "./dedup.ts";
export type { DeduplicatedBtf } from "./dedup.ts";
