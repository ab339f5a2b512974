import { describe, expect, it } from "vitest";
import { addFunction, Builder, createModule } from "./builder.ts";
import { printModule } from "./printer.ts";
import { InvalidIrError, validateModule } from "./validator.ts";

describe("Builder", () => {
  it("prints what it built", () => {
    const module = createModule();
    const fn = addFunction(module, { name: "probe", params: ["ptr"], result: "i64" });
    const b = new Builder(fn);
    const slot = b.alloca(8, 8, "key");
    const pid = b.helper(14, "get_current_pid_tgid", [], { effects: { pure: true } });
    b.store(8, slot, b.binary("lshr", pid, b.i64(32)));
    const value = b.helper(1, "map_lookup_elem", [b.mapRef("x"), slot], {
      type: "ptr",
      effects: { discardable: true, reads: [1], writes: [] },
    });
    const found = b.block("found");
    const done = b.block("done");
    b.branchIf("ne", value, b.null(), found, done, { likely: true });
    b.at(found);
    const field = b.loadTime({ kind: "core", typeId: 7, access: "0:1", coreKind: 0 });
    const task = b.load("i64", 8, b.param(0), { offset: 16 });
    const tgid = b.load("i32", 4, b.add(task, field));
    b.atomic("void", "add", 8, value, b.convert("zext32", tgid));
    b.br(done);
    b.at(done);
    b.ret(b.i64(0));
    validateModule(module);
    expect(printModule(module)).toBe(`function probe(p0: ptr): i64
  s1 = alloca 8 align 8 ; key
b0: ; entry
  %2 = call i64 get_current_pid_tgid#14() pure
  %4 = lshr i64 %2, 32
  store u64 [s1], %4
  %7 = call ptr map_lookup_elem#1(map(x), s1) discardable reads(1) writes()
  if ne ptr %7, null then b1, b2 likely
b1: ; found
  %10 = load i64 u64 [p0 + 16]
  %11 = add i64 %10, core(0 type 7 0:1)
  %12 = load i32 u32 [%11]
  %13 = zext32 i64 %12
  atomic add void u64 [%7], %13
  br b2
b2: ; done
  ret 0
`);
  });

  it("refuses a value that does not reach its use", () => {
    const module = createModule();
    const fn = addFunction(module, { name: "f", params: ["i64"], result: "i64" });
    const b = new Builder(fn);
    const left = b.block("left");
    const right = b.block("right");
    b.condBr(b.param(0), left, right);
    b.at(left);
    const sum = b.add(b.param(0), b.i64(1));
    b.ret(sum);
    b.at(right);
    b.ret(sum);
    expect(() => {
      validateModule(module);
    }).toThrow(InvalidIrError);
  });
});
