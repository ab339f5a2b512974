import { describe, expect, it } from "vitest";
import type { Builder } from "../builder.ts";
import { addIncoming } from "../builder.ts";
import type { IrModule, ValueType } from "../node.ts";
import { printModule } from "../printer.ts";
import { consume, lookup, moduleOf, pid, update } from "../module.test-util.ts";
import { validateModule } from "../validator.ts";
import { optimizeModule } from "./index.ts";

/** The body's lines after all passes. */
function optimized(write: (b: Builder) => void, params?: readonly ValueType[]): string[] {
  const module: IrModule = moduleOf(write, params);
  validateModule(module);
  optimizeModule(module, () => {
    validateModule(module);
  });
  const lines = printModule(module).split("\n");
  return lines.slice(1, -1).map((line) => line.trim());
}

describe("arithmetic", () => {
  it("folds constants and identities", () => {
    const lines = optimized(
      (b) => {
        const x = b.param(0);
        const seven = b.add(b.mul(b.i64(3), b.i64(4)), b.i64(-5));
        const same = b.binary("xor", b.add(x, b.sub(seven, b.i64(7))), b.i64(0));
        b.ret(same);
      },
      ["i64"],
    );
    expect(lines).toEqual(["b0: ; entry", "ret p0"]);
  });

  it("turns multiplication and division by powers of two into shifts", () => {
    const lines = optimized(
      (b) => {
        const x = b.param(0);
        consume(b, b.mul(x, b.i64(8)), b.binary("udiv", x, b.i64(1024)), b.binary("umod", x, b.i64(16)));
        b.ret(b.i64(0));
      },
      ["i64"],
    );
    expect(lines.slice(1, 4)).toEqual([
      "%10 = shl i64 p0, 3",
      "%12 = lshr i64 p0, 10",
      "%14 = and i64 p0, 15",
    ]);
  });

  it("leaves out what a load has done", () => {
    const lines = optimized((b) => {
      const byte = b.load("i64", 1, b.param(0));
      b.ret(b.binary("and", b.convert("zext16", byte), b.i64(0xff)));
    });
    expect(lines).toEqual(["b0: ; entry", "%1 = load i64 u8 [p0]", "ret %1"]);
  });

  it("computes equal values once, pure helpers too, the others each time", () => {
    const lines = optimized((b) => {
      consume(b, b.binary("lshr", pid(b), b.i64(32)), b.binary("lshr", pid(b), b.i64(32)));
      b.helper(5, "ktime_get_ns", [], { effects: { discardable: true, reads: [], writes: [] } });
      b.ret(b.i64(0));
    });
    expect(lines.slice(1, -1)).toEqual([
      "%1 = call i64 get_current_pid_tgid#14() pure",
      "%3 = lshr i64 %1, 32",
      "call void consume#999(%3, %3) reads() writes()",
    ]);
  });
});

describe("addresses", () => {
  it("moves constants and load-time numbers into the access", () => {
    const lines = optimized((b) => {
      const field = b.loadTime({ kind: "core", typeId: 3, access: "0:2", coreKind: 0 });
      const parent = b.load("i64", 8, b.add(b.param(0), field));
      b.ret(b.load("i64", 4, b.add(parent, b.i64(12)), { offset: 4 }));
    });
    expect(lines.slice(1, 3)).toEqual([
      "%2 = load i64 u64 [p0 + core(0 type 3 0:2)]".replace("%2", "%3"),
      "%6 = load i64 u32 [%3 + 16]",
    ]);
  });
});

describe("control flow", () => {
  it("follows decided branches and joins what is left", () => {
    const lines = optimized((b) => {
      const [yes, no, done] = [b.block(), b.block(), b.block()];
      b.branchIf("ult", b.i64(1), b.i64(2), yes, no);
      b.at(yes);
      b.br(done);
      b.at(no);
      b.br(done);
      b.at(done);
      b.ret(
        b.phi("i64", [
          [yes, b.i64(10)],
          [no, b.i64(20)],
        ]),
      );
    });
    expect(lines).toEqual(["b0: ; entry", "ret 10"]);
  });

  it("does not materialise the truth of `a && b`", () => {
    const lines = optimized(
      (b) => {
        const [more, join, yes, no] = [b.block(), b.block(), b.block(), b.block()];
        const entry = b.current;
        b.branchIf("ugt", b.param(0), b.i64(5), more, join);
        b.at(more);
        const second = b.compare("ne", b.param(1), b.i64(0));
        b.br(join);
        b.at(join);
        const both = b.phi("i32", [
          [entry, b.i32(0)],
          [more, second],
        ]);
        b.condBr(both, yes, no);
        b.at(yes);
        consume(b);
        b.br(no);
        b.at(no);
        b.ret(b.i64(0));
      },
      ["i64", "i64"],
    );
    expect(lines.slice(0, 4)).toEqual([
      "b0: ; entry",
      "if ugt i64 p0, 5 then b1, b4",
      "b1:",
      "if ne i64 p1, 0 then b3, b4",
    ]);
  });

  it("knows what a dominating branch has found out", () => {
    const lines = optimized((b) => {
      const value = lookup(b, "m", b.alloca(8, 8));
      const [first, second, none] = [b.block(), b.block(), b.block()];
      b.branchIf("ne", value, b.null(), first, none);
      b.at(first);
      b.branchIf("eq", b.null(), value, none, second);
      b.at(second);
      b.ret(b.load("i64", 8, value));
      b.at(none);
      b.ret(b.i64(0));
    });
    expect(lines.filter((line) => line.startsWith("if"))).toHaveLength(1);
  });
});

describe("memory", () => {
  it("knows what follows from it", () => {
    const lines = optimized(
      (b) => {
        const x = b.param(0);
        const [positive, negative, end] = [b.block("positive"), b.block("negative"), b.block("end")];
        b.branchIf("sgt", x, b.i64(0), positive, end);
        b.at(positive);
        b.branchIf("slt", x, b.i64(0), negative, end);
        b.at(negative);
        consume(b, x);
        b.br(end);
        b.at(end);
        b.ret(x);
      },
      ["i64"],
    );
    expect(lines).toEqual(["b0: ; entry", "ret p0"]);
  });

  it("forwards stores to loads and drops those that nobody reads", () => {
    const lines = optimized((b) => {
      const slot = b.alloca(16, 8);
      b.fill(slot, 16, 8);
      b.store(8, slot, pid(b));
      const low = b.load("i32", 4, slot, { offset: 8 });
      b.ret(b.add(b.load("i64", 8, slot), b.convert("zext32", low)));
    });
    expect(lines.slice(-3)).toEqual([
      "b0: ; entry",
      "%3 = call i64 get_current_pid_tgid#14() pure",
      "ret %3",
    ]);
  });

  it("clears only what is not written anyway, in one store with what is", () => {
    const lines = optimized((b) => {
      const key = b.alloca(16, 8);
      b.fill(key, 16, 8);
      b.store(4, key, b.i32(1));
      b.store(8, key, pid(b), { offset: 8 });
      b.ret(b.convert("zext32", b.load("i32", 4, lookup(b, "m", key))));
    });
    expect(lines.filter((line) => /^(fill|store)/.test(line))).toEqual([
      "store u64 [s1], 1",
      "store u64 [s1 + 8], %5",
    ]);
  });

  it("keeps what a call may read or write", () => {
    const lines = optimized((b) => {
      const [key, value] = [b.alloca(8, 8), b.alloca(8, 8)];
      b.store(8, key, b.i64(1));
      b.store(8, value, b.i64(2));
      update(b, "m", key, value);
      b.store(8, key, b.i64(3));
      update(b, "m", key, value);
      b.helper(4, "probe_read", [value, b.i64(8), b.param(0)], { effects: { reads: [], writes: [0] } });
      b.ret(b.load("i64", 8, value));
    });
    expect(lines.filter((line) => line.startsWith("store"))).toHaveLength(3);
    expect(lines.filter((line) => line.includes("load"))).toHaveLength(1);
  });

  it("drops a call whose answer nobody reads", () => {
    const lines = optimized((b) => {
      const name = b.alloca(16, 8);
      b.helper(16, "get_current_comm", [name, b.i64(16)], {
        effects: { discardable: true, reads: [], writes: [0] },
      });
      b.ret(b.i64(0));
    });
    expect(lines).not.toContain(expect.stringContaining("get_current_comm"));
    expect(lines.some((line) => line.includes("call"))).toBe(false);
  });
});

describe("sinking", () => {
  it("computes a value only where it is needed, and not in a loop", () => {
    const lines = optimized((b) => {
      const id = pid(b);
      const [head, body, done] = [b.block("head"), b.block("body"), b.block("done")];
      const entry = b.current;
      b.br(head);
      b.at(head);
      const count = b.phi("i64", [[entry, b.i64(0)]]);
      b.branchIf("ult", count, b.i64(3), body, done);
      b.at(body);
      consume(b, id);
      addIncoming(count, b.current, b.add(count, b.i64(1)));
      b.br(head);
      b.at(done);
      b.ret(id);
    });
    expect(lines.indexOf("%1 = call i64 get_current_pid_tgid#14() pure")).toBe(1);

    const branch = optimized(
      (b) => {
        const id = pid(b);
        const [yes, no] = [b.block("yes"), b.block("no")];
        b.branchIf("eq", b.param(0), b.i64(0), yes, no);
        b.at(yes);
        b.ret(id);
        b.at(no);
        b.ret(b.i64(0));
      },
      ["i64"],
    );
    expect(branch.slice(0, 4)).toEqual([
      "b0: ; entry",
      "if eq i64 p0, 0 then b1, b2",
      "b1: ; yes",
      "%1 = call i64 get_current_pid_tgid#14() pure",
    ]);
  });
});
