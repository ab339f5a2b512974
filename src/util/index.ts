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
export { lazy } from "./lazy.ts";
