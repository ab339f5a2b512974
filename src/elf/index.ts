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
export { ElfBuilder } from "./writer.ts";
export type { NewRelocation, NewSection } from "./writer.ts";
