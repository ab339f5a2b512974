export { isIteratorTarget } from "./arguments.ts";
export type { IteratorTargetName } from "./arguments.ts";
export { IteratorLink } from "./iterator-link.ts";
export { IteratorReader } from "./iterator-reader.ts";
export type { SeqFile } from "./seq-file.ts";
export { EVERYTHING, heldBy } from "./target.ts";
export type { IteratorScope } from "./target.ts";
export { ITERATOR_TARGETS } from "./targets.ts";
