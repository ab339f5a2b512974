/** TypeScript modules made from objects. */
export { skeletonModule, subskeletonModule } from "./skeleton.ts";
export type { SkeletonOptions } from "./skeleton.ts";
