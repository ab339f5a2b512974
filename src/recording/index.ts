export { pointerRules } from "./call-arguments.ts";
export type { Extent, PointerRule } from "./call-arguments.ts";
export type {
  EndEntry,
  Entry,
  RecordingEnvironment,
  EventEntry,
  FileEntry,
  HookEntry,
  LostEntry,
  MemoryPiece,
  RecordedSelf,
  TaskEndEntry,
  TaskEntry,
} from "./entry.ts";
export { RecordingError } from "./error.ts";
export { openRecordingFile, RecordingInput, RecordingOutput } from "./file.ts";
export { RecordingReader, recordingBytes } from "./reader.ts";
export type { RecordingDamage, RecordingBytes } from "./reader.ts";
export { taskChange } from "./task-fields.ts";
export type { TaskChange, TaskRecord } from "./task-fields.ts";
export { RecordingWriter } from "./writer.ts";
export type { RecordingSink } from "./writer.ts";
