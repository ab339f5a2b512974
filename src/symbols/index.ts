export { KernelSymbols } from "./kernel-symbols.ts";
export { UserSymbols } from "./user-symbols.ts";
export type { ResolvedSymbol } from "./symbol-table.ts";
