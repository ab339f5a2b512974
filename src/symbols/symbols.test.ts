import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openKernel } from "../open-kernel.ts";
import { KernelSymbols, UserSymbols } from "./index.ts";
import { SymbolTable } from "./symbol-table.ts";

const kallsyms = Buffer.from(
  [
    "ffffffff81000200 T second",
    "ffffffff81000100 T first",
    "ffffffff81000100 t first_alias",
    "ffffffff81000180 D not_code",
    "ffffffffc0000000 t in_module\t[ext4]",
    "",
  ].join("\n"),
);

describe("kernel symbols", () => {
  const symbols = new KernelSymbols(kallsyms);

  it("finds the function that holds an address", () => {
    expect(symbols.resolve(0xffffffff81000100n)).toEqual({ name: "first", offset: 0 });
    expect(symbols.resolve(0xffffffff810001ffn)).toEqual({ name: "first", offset: 255 });
    expect(symbols.resolve(0xffffffffc0000010n)).toEqual({ name: "in_module", offset: 16, module: "ext4" });
    expect(symbols.resolve(0xffffffff81000000n)).toBeUndefined();
    expect(symbols.resolve(0xfffffffff0000000n)).toBeUndefined();
  });

  it("knows nothing where addresses are hidden, and survives any bytes", () => {
    const hidden = Buffer.from("0000000000000000 T first\n");
    expect(new KernelSymbols(hidden).resolve(0n)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        new KernelSymbols(bytes).resolve(0xffffffff81000100n);
      }),
    );
  });
});

describe("user symbols", () => {
  it("respects sizes", () => {
    const table = new SymbolTable([
      { name: "sized", address: 16, size: 4 },
      { name: "open", address: 32, size: 0 },
    ]);
    expect([15, 16, 19, 20, 31, 32, 999].map((address) => table.find(address)?.name)).toEqual([
      undefined,
      "sized",
      "sized",
      undefined,
      undefined,
      "open",
      "open",
    ]);
  });

  it("finds a function of this very process", async () => {
    using kernel = await openKernel();
    const line = readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .find((text) => / r-xp .*libc\.so/.test(text));
    const match = /^([\da-f]+)-([\da-f]+)/.exec(line ?? "");
    if (!match) return;
    const users = new UserSymbols(kernel.files);
    const start = BigInt(`0x${match[1]}`);
    const found = Array.from({ length: 64 }, (_, page) =>
      users.resolve(start + BigInt(page * 4096 + 64), process.pid),
    );
    expect(found.some((symbol) => symbol?.module?.includes("libc"))).toBe(true);
  });
});
