export { recordedEvents } from "./events.ts";
export type { RecordedEvent, RecordedValue } from "./events.ts";
export { recordingInfo } from "./info.ts";
export type { RecordingInfo } from "./info.ts";
export { EVENT_HEAD, eventJson, eventLine, infoJson, infoText } from "./text.ts";
export { filterEvents } from "./filter.ts";
export type { EventFilter } from "./filter.ts";
