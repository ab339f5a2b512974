export { Code } from "./code.ts";
export { createGlobal, createMemory, createTable, instantiate, isTrap } from "./host.ts";
export type { WasmFunction, WasmGlobal, WasmImports, WasmMemory, WasmTable } from "./host.ts";
export type { MemoryName, PlainName, ValueType } from "./instructions.ts";
export { WasmModule } from "./module.ts";
export { printBody, printModule } from "./text.ts";
