import type { PinnedPaths } from "../inspect/index.ts";
import type { Json } from "./json.ts";

/** `\n\tpinned PATH` for each; empty without -f. */
export function pinnedText(pins: PinnedPaths | undefined, id: number): string {
  return (pins?.get(id) ?? []).map((path) => `\n\tpinned ${path}`).join("");
}

/** With -f every object has the list, as long as anything at all is pinned. */
export function pinnedJson(pins: PinnedPaths | undefined, id: number): Json | undefined {
  return pins && pins.size > 0 ? (pins.get(id) ?? []) : undefined;
}
