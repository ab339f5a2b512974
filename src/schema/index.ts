/** What an object offers to a JavaScript program, as data: the library decodes by it, skeletons are written from it. */
export { describeMap, describeObject, isSection, namedType } from "./schema.ts";
export type { GlobalSchema, MapKind, MapSchema, ObjectSchema, SchemaOptions } from "./schema.ts";
