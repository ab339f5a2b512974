import type { Holder } from "../inspect/index.ts";
import type { Json } from "./json.ts";

/** `\n\tpids node(12),sh(3)`; empty if nobody holds the object. */
export function holdersText(holders: readonly Holder[] | undefined): string {
  if (!holders || holders.length === 0) return "";
  return `\n\tpids ${holders.map(({ comm, pid }) => `${comm}(${pid})`).join(",")}`;
}

export function holdersJson(holders: readonly Holder[] | undefined): Json | undefined {
  return holders?.map(({ pid, comm }) => ({ pid, comm }));
}
