import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Code, WasmModule, createTable, instantiate, isTrap, printModule } from "./index.ts";

/** A module with one function and no imports. */
function single(emit: (code: Code) => void): Uint8Array<ArrayBuffer> {
  const module = new WasmModule();
  const code = new Code();
  emit(code);
  module.exportFunction("f", module.function(module.type([], ["i64"]), [], code));
  return module.finish();
}

describe("module", () => {
  test("64-bit constants from their halves", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), (value) => {
        const low = Number(BigInt.asIntN(32, value));
        const high = Number(BigInt.asIntN(32, value >> 32n));
        const f = instantiate(
          single((code) => code.i64(low, high)),
          {},
        ).get("f")!;
        expect(f()).toBe(value);
      }),
    );
  });

  test("functions in the table, at any position", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), (position) => {
        const module = new WasmModule();
        const table = createTable(301);
        module.importTable("m", "t", 1);
        const type = module.type([], ["i64"]);
        const callee = module.function(type, [], new Code().i64(7));
        const caller = module.function(type, [], new Code().i32(position).callIndirect(type));
        module.exportFunction("f", caller);
        module.elements(position, [callee]);
        expect(instantiate(module.finish(), { m: { t: table } }).get("f")!()).toBe(7n);
      }),
    );
  });

  test("a trap is told from other errors", () => {
    const f = instantiate(
      single((code) => code.op("unreachable")),
      {},
    ).get("f")!;
    let thrown: unknown;
    try {
      f();
    } catch (error) {
      thrown = error;
    }
    expect(isTrap(thrown)).toBe(true);
    expect(isTrap(new RangeError("no"))).toBe(false);
  });

  test("a module as text", () => {
    expect(printModule(single((code) => code.i64(7)))).toBe("(func 0\n  i64.const 7)\n");
  });
});
