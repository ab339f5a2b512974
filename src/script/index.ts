export { kernelWorld } from "./kernel-world.ts";
export { kernelTarget } from "./kernel-target.ts";
