/** The public API: objects, programs, maps and events as TypeScript values. */
export { assembleObject } from "./assembly.ts";
export { BpfMap } from "./bpf-map.ts";
export type { UpdateOptions } from "./bpf-map.ts";
export { BpfObject } from "./bpf-object.ts";
export type { ObjectTypes, UnknownObject } from "./bpf-object.ts";
export { cc } from "./cc.ts";
export type { CcOptions, CcResult } from "./cc.ts";
export { createMap } from "./create-map.ts";
export type {
  BloomDescription,
  ElementOf,
  KeyedMapDescription,
  KeyedMapType,
  MapOptions,
  QueueDescription,
  RingDescription,
  TypeName,
  ValueOf,
} from "./create-map.ts";
export { EventMap } from "./event-map.ts";
export type { EventReadOptions } from "./event-map.ts";
export { EventReader } from "./event-reader.ts";
export type { BatchOptions, ReadOptions } from "./event-reader.ts";
export { LibraryError } from "./library-error.ts";
export type { LibraryErrorCode } from "./library-error.ts";
export { load, readObject } from "./load.ts";
export type { LoadOptions, MapChanges, ObjectInput } from "./load.ts";
export { lpmKey } from "./lpm-key.ts";
export { MapHandle } from "./map-handle.ts";
export { MapView } from "./map-view.ts";
export { OtherMap } from "./maps.ts";
export type { AnyMap } from "./maps.ts";
export { openLink, openMap, openProgram } from "./open.ts";
export type { KernelHandle, OpenMapOptions, OpenOptions } from "./open.ts";
export { Program } from "./program.ts";
export type { AttachOptions, TestRunOptions, TestRunResult } from "./program.ts";
export { BloomMap, QueueMap } from "./queue-map.ts";
export { openRecording, Recording } from "./recording.ts";
export { Replay } from "./replay.ts";
export { compile, trace, TraceRun } from "./trace.ts";
export type { CompiledScript, CompileOptions, TraceOptions } from "./trace.ts";
export { UserRingMap } from "./user-ring-map.ts";
