import { formatTime } from "./strftime.ts";

/** The text of time(), made anew once a second only. */
export function clockText(format: string, now: () => number): () => string {
  // %s and the like change with the second, nothing in time() changes faster.
  let second = Number.NaN;
  let text = "";
  return () => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      second = current;
      text = formatTime(format, { seconds: current, nanoseconds: 0 });
    }
    return text;
  };
}
