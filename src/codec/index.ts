/** C types as JavaScript values: from BTF to generated decoders and encoders. */
export { compileCodec } from "./codec.ts";
export type { Codec, Input } from "./codec.ts";
export { CodecError } from "./error.ts";
export type { CodecErrorCode } from "./error.ts";
export { shapeOf, Shapes } from "./shape.ts";
export type { ArrayShape, EnumShape, Shape, ShapeField, StructShape } from "./shape.ts";
