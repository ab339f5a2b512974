export {
  ElfMachine,
  ElfType,
  SectionFlag,
  SectionIndex,
  SectionType,
  SegmentType,
  SymbolBinding,
  SymbolType,
  SymbolVisibility,
} from "./constants.ts";
export { ElfError } from "./error.ts";
export type { ElfErrorCode } from "./error.ts";
export { ElfFile, isElf } from "./file.ts";
export type { ElfNote, ElfRelocation, ElfSection, ElfSegment, ElfSymbol } from "./file.ts";
export { symbolVersions } from "./symbol-versions.ts";
export type { SymbolVersion } from "./symbol-versions.ts";
export { usdtArguments } from "./usdt-arguments.ts";
export type { UsdtArgument } from "./usdt-arguments.ts";
export { usdtNotes } from "./usdt-notes.ts";
export type { UsdtNote } from "./usdt-notes.ts";
export { ElfBuilder } from "./writer.ts";
export type { NewRelocation, NewSection } from "./writer.ts";
