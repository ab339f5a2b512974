export { ownBtf } from "./own-btf.ts";
export { BlockLayout, StructBlock } from "./struct-block.ts";
export { StructPlaces } from "./struct-places.ts";
