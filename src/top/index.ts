export { activity, filtered, isSortKey, SORT_KEYS, sorted } from "./activity.ts";
export type { Activity, SortKey } from "./activity.ts";
export { press, splitKeys } from "./controls.ts";
export type { Controls, Pressed } from "./controls.ts";
export { Sampler } from "./sampler.ts";
export type { Sample } from "./sampler.ts";
export { bodyRows, renderScreen, tableHead, tableRow } from "./table.ts";
export type { ScreenLine, ScreenSize, View } from "./table.ts";
