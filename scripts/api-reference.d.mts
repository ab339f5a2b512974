import type { Exported } from "./api-extract.mjs";

export function apiReference(found: ReadonlyMap<string, Exported>): string;
