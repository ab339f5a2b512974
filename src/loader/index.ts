export { Features, memoryStore } from "./features.ts";
export type { FeatureName, FeatureStore } from "./features.ts";
export { KernelTypes } from "./kernel-types.ts";
export type { KernelType } from "./kernel-types.ts";
export { loadObject } from "./load.ts";
export type { LoadedObject, LoadedProgram, LoadOptions } from "./load.ts";
export { LoadedMap } from "./map.ts";
export type { MapEntry } from "./map.ts";
export { readVerifierLog, VerifierError } from "./verifier-error.ts";
