/**
 * The host's WebAssembly, as far as bpfkit uses it. TypeScript declares it only together with the browser's
 * DOM, which the rest of bpfkit must not see.
 */
declare const WebAssembly: {
  readonly Memory: new (options: { initial: number }) => WasmMemory;
  readonly Table: new (options: { element: "anyfunc"; initial: number }) => WasmTable;
  readonly Global: new (options: { value: "i32"; mutable: true }, value: number) => WasmGlobal;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: WasmImports,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly RuntimeError: new () => Error;
};

export interface WasmMemory {
  /** Detached and replaced when memory grows. */
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB; gives the old size in pages. */
  grow(pages: number): number;
}

export interface WasmTable {
  readonly length: number;
  /** Gives the old length. */
  grow(entries: number): number;
  get(index: number): WasmFunction | null;
  set(index: number, value: WasmFunction | null): void;
}

export interface WasmGlobal {
  value: number;
}

/** By module, then by name. */
export type WasmImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A function of a module; an i64 is a bigint. */
export type WasmFunction = (...args: readonly (number | bigint)[]) => bigint;

export function createMemory(pages: number): WasmMemory {
  return new WebAssembly.Memory({ initial: pages });
}

export function createTable(entries: number): WasmTable {
  return new WebAssembly.Table({ element: "anyfunc", initial: entries });
}

/** A mutable i32 global. */
export function createGlobal(value: number): WasmGlobal {
  return new WebAssembly.Global({ value: "i32", mutable: true }, value);
}

/** Compiles and instantiates a module; gives its exports that are functions. */
export function instantiate(bytes: Uint8Array<ArrayBuffer>, imports: WasmImports): Map<string, WasmFunction> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports);
  return new Map(
    Object.entries(exports).flatMap(([name, value]) => (isFunction(value) ? [[name, value] as const] : [])),
  );
}

function isFunction(value: unknown): value is WasmFunction {
  return typeof value === "function";
}

/** Whether an error is a trap: an access outside memory, `unreachable`, a stack that is too deep. */
export function isTrap(error: unknown): error is Error {
  return error instanceof WebAssembly.RuntimeError;
}
