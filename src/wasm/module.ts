import { ByteWriter, encodeUtf8 } from "../util/index.ts";
import { writeUnsigned } from "./code.ts";
import type { Code } from "./code.ts";
import { VALUE_TYPE } from "./instructions.ts";
import type { ValueType } from "./instructions.ts";

const SECTION = { type: 1, import: 2, function: 3, export: 7, element: 9, code: 10 } as const;
const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3 } as const;

/**
 * A WebAssembly module as it is put together. Function indices count imports first, so all imports come
 * before the first function. One memory and one table, both imported.
 */
export class WasmModule {
  readonly #types: Uint8Array[] = [];
  readonly #typeKeys = new Map<string, number>();
  readonly #imports: Uint8Array[] = [];
  readonly #functions: {
    readonly type: number;
    readonly locals: readonly ValueType[];
    readonly code: Code;
  }[] = [];
  readonly #exports: Uint8Array[] = [];
  readonly #elements: Uint8Array[] = [];
  #importedFunctions = 0;
  #importedGlobals = 0;

  /** The index of a function type; equal types share one. */
  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}:${results.join()}`;
    const known = this.#typeKeys.get(key);
    if (known !== undefined) return known;
    const bytes = new ByteWriter(16).u8(0x60);
    for (const list of [params, results]) {
      writeUnsigned(bytes, list.length);
      for (const type of list) bytes.u8(VALUE_TYPE[type]);
    }
    this.#typeKeys.set(key, this.#types.length);
    return this.#types.push(bytes.finish()) - 1;
  }

  importFunction(module: string, name: string, type: number): number {
    if (this.#functions.length > 0) throw new Error("imports come before functions");
    const bytes = this.#import(module, name, EXTERNAL.function);
    writeUnsigned(bytes, type);
    this.#imports.push(bytes.finish());
    return this.#importedFunctions++;
  }

  /** Sizes in 64 KiB pages. */
  importMemory(module: string, name: string, minimum: number): void {
    const bytes = this.#import(module, name, EXTERNAL.memory).u8(0);
    writeUnsigned(bytes, minimum);
    this.#imports.push(bytes.finish());
  }

  importTable(module: string, name: string, minimum: number): void {
    const bytes = this.#import(module, name, EXTERNAL.table).u8(VALUE_TYPE.funcref).u8(0);
    writeUnsigned(bytes, minimum);
    this.#imports.push(bytes.finish());
  }

  /** A mutable global. */
  importGlobal(module: string, name: string, type: ValueType): number {
    const bytes = this.#import(module, name, EXTERNAL.global).u8(VALUE_TYPE[type]).u8(1);
    this.#imports.push(bytes.finish());
    return this.#importedGlobals++;
  }

  /** Adds a function; `code` may still grow until {@link finish}. */
  function(type: number, locals: readonly ValueType[], code: Code): number {
    return this.#importedFunctions + this.#functions.push({ type, locals, code }) - 1;
  }

  exportFunction(name: string, index: number): void {
    const bytes = writeName(new ByteWriter(16), name).u8(EXTERNAL.function);
    writeUnsigned(bytes, index);
    this.#exports.push(bytes.finish());
  }

  /** Puts functions into the table from `offset` on. */
  elements(offset: number, functions: readonly number[]): void {
    const bytes = new ByteWriter(16).u8(0).u8(0x41);
    // A signed LEB128 of a small non-negative number needs its sign bit clear.
    const padded = new ByteWriter(8);
    writeUnsigned(padded, offset);
    const groups = padded.finish();
    if ((groups.at(-1)! & 0x40) !== 0) {
      groups[groups.length - 1]! |= 0x80;
      bytes.raw(groups).u8(0);
    } else bytes.raw(groups);
    bytes.u8(0x0b);
    writeUnsigned(bytes, functions.length);
    for (const index of functions) writeUnsigned(bytes, index);
    this.#elements.push(bytes.finish());
  }

  /** The module in the binary format. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter(1024).u32(0x6d736100).u32(1);
    section(out, SECTION.type, this.#types);
    section(out, SECTION.import, this.#imports);
    section(
      out,
      SECTION.function,
      this.#functions.map(({ type }) => unsigned(type)),
    );
    section(out, SECTION.export, this.#exports);
    section(out, SECTION.element, this.#elements);
    section(
      out,
      SECTION.code,
      this.#functions.map(({ locals, code }) => functionBody(locals, code)),
    );
    return out.finish();
  }

  #import(module: string, name: string, kind: number): ByteWriter {
    return writeName(writeName(new ByteWriter(32), module), name).u8(kind);
  }
}

function writeName(bytes: ByteWriter, name: string): ByteWriter {
  const text = encodeUtf8(name);
  writeUnsigned(bytes, text.length);
  return bytes.raw(text);
}

function unsigned(value: number): Uint8Array {
  const bytes = new ByteWriter(8);
  writeUnsigned(bytes, value);
  return bytes.finish();
}

function functionBody(locals: readonly ValueType[], code: Code): Uint8Array {
  const head = new ByteWriter(16);
  writeUnsigned(head, locals.length);
  for (const type of locals) head.u8(1).u8(VALUE_TYPE[type]);
  const body = code.finish();
  const bytes = new ByteWriter(body.length + 16);
  writeUnsigned(bytes, head.length + body.length + 1);
  return bytes.raw(head.finish()).raw(body).u8(0x0b).finish();
}

function section(out: ByteWriter, id: number, items: readonly Uint8Array[]): void {
  if (items.length === 0) return;
  const count = unsigned(items.length);
  out.u8(id);
  writeUnsigned(
    out,
    items.reduce((sum, item) => sum + item.length, count.length),
  );
  out.raw(count);
  for (const item of items) out.raw(item);
}
