export {
  alignUp,
  ByteReader,
  ByteWriter,
  decodeFixedString,
  decodeUtf8,
  encodeUtf8,
  OutOfBoundsError,
} from "./bytes.ts";
export { findProgram } from "./find-program.ts";
export { DisposalStack } from "./disposal-stack.ts";
export { lazy } from "./lazy.ts";
export { emptyRecord } from "./record.ts";
export { memoryOf, type Memory } from "./memory.ts";
