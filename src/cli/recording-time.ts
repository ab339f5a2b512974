import type { RecordingEnvironment } from "../recording/index.ts";

/** Times of day are shown as they were where the recording was made. */
export function showTimesOf({ timeZone }: RecordingEnvironment): void {
  if (/^[\w+\-/]{1,64}$/.test(timeZone)) process.env["TZ"] = timeZone;
}
