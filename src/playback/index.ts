export { shownEvents } from "./events.ts";
export type { ShownEvent, ShownValue } from "./events.ts";
export { recordingInfo } from "./info.ts";
export type { RecordingInfo } from "./info.ts";
export { EVENT_HEAD, eventJson, eventLine, infoJson, infoText } from "./text.ts";
