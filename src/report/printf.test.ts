import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PlanArgument, ValueType } from "../object/index.ts";
import { memoryOf } from "./memory.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { compilePrintf } from "./printf.ts";
import type { Resolver } from "./decode.ts";

/** For tests: names made from the numbers. */
const fakeResolver: Resolver = {
  kernelFrame: (address) => ({ address, symbol: `k${address}`, offset: 4 }),
  userFrame: (address, pid) => ({ address, symbol: `u${address}`, offset: 8, module: `/bin/${pid}` }),
  stack: (_map, id) => (id < 0 ? undefined : [id, id + 1]),
  username: (uid) => `user${uid}`,
  cgroupPath: (id) => `unified:/${id}`,
  now: () => 0,
  wallClock: (nanoseconds) => ({ seconds: Math.floor(Number(nanoseconds) / 1e9), nanoseconds: 0 }),
};

const u64: ValueType = { kind: "int", size: 8, signed: false };
const s64: ValueType = { kind: "int", size: 8, signed: true };
const s8: ValueType = { kind: "int", size: 1, signed: true };

function show(format: string, ...args: readonly (readonly [ValueType, bigint | string])[]): string {
  const bytes = Buffer.alloc(8 + args.length * 64, 0xee);
  const fields = args.map(([type, value], index): PlanArgument => {
    const offset = 8 + index * 64;
    if (typeof value === "bigint") bytes.writeBigUInt64LE(BigInt.asUintN(64, value), offset);
    else bytes.fill(0, offset, offset + 64).write(value, offset, "latin1");
    return { name: "", offset, type };
  });
  const out = new OutputBuffer(8);
  const write = compilePrintf(format, fields, bytes.length, { resolver: fakeResolver, encoding: "latin1" });
  write(memoryOf(bytes), 0, bytes.length, out);
  return out.bytes.toString("latin1", 0, out.length);
}

const optional = (max: number): fc.Arbitrary<string> =>
  fc.oneof(fc.constant(""), fc.integer({ min: 0, max }).map(String));

describe("printf", () => {
  it("prints integers as C does, cut to the conversion's size", () => {
    const x = 0x12345678abcdefn;
    expect(show("%hhx %hx %x %jx", [u64, x], [u64, x], [u64, x], [u64, x])).toBe(
      "ef cdef 78abcdef 12345678abcdef",
    );
    expect(show("%d|%u|%lu", [s8, -1n], [s8, -1n], [s8, -1n])).toBe("-1|4294967295|18446744073709551615");
    expect(show("%c%c %%", [s8, 65n], [u64, 66n])).toBe("AB %");
    expect(show("%p %p", [{ kind: "pointer" }, 0n], [{ kind: "pointer" }, 0xffff888012345678n])).toBe(
      "0 0xffff888012345678",
    );
  });

  it("pads and cuts strings", () => {
    const text: ValueType = { kind: "string", size: 16 };
    expect(show("[%-8s][%8s][%.2s]", [text, "abc"], [text, "abc"], [text, "abc"])).toBe(
      "[abc     ][     abc][ab]",
    );
    expect(show("%s", [{ kind: "string", size: 4 }, "abcdef"])).toBe("abcd..");
    expect(show("%s", [text, "\xff\xfe"])).toBe("\xff\xfe");
  });

  it("shows enums, booleans and buffers", () => {
    const colour: ValueType = { kind: "enum", size: 4, names: { 0: "RED", 2: "BLUE" } };
    expect(show("%s %d %s", [colour, 2n], [colour, 2n], [colour, 7n])).toBe("BLUE 2 7");
    expect(show("%-6s|%d", [{ kind: "bool" }, 1n], [{ kind: "bool" }, 1n])).toBe("true  |1");
    const buffer: ValueType = { kind: "buffer", size: 8 };
    const bytes = "\x03\0\0\0a\0\xff";
    expect(show("%r %rx %rh", [buffer, bytes], [buffer, bytes], [buffer, bytes])).toBe(
      String.raw`a\x00\xff \x61\x00\xff 61 00 ff`,
    );
  });

  it("folds constants into the literal text", () => {
    const out = new OutputBuffer();
    const args: PlanArgument[] = [
      { constant: "TIME", type: { kind: "string", size: 64 } },
      { constant: "-7", type: s64 },
    ];
    const write = compilePrintf("%-9s %+d é\n", args, 8, { resolver: fakeResolver, encoding: "latin1" });
    write(memoryOf(new Uint8Array(8)), 0, 8, out);
    expect(out.bytes.toString("utf8", 0, out.length)).toBe("TIME      -7 é\n");
  });

  it("refuses an argument outside its record", () => {
    const context = { resolver: fakeResolver, encoding: "latin1" } as const;
    expect(() => compilePrintf("%d", [{ name: "", offset: 8, type: u64 }], 12, context)).toThrow(
      "Damaged trace plan",
    );
  });

  it.skipIf(!existsSync("/usr/bin/printf"))("agrees with the C library", () => {
    const flags = fc.uniqueArray(fc.constantFrom("-", "+", " ", "#", "0")).map((list) => list.join(""));
    const cases = fc.record({
      flags,
      width: optional(30).filter((width) => !width.startsWith("0")),
      precision: fc.option(optional(24), { nil: undefined }),
      conversion: fc.constantFrom("d", "i", "u", "o", "x", "X"),
      value: fc.oneof(
        fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
        fc.bigInt({ min: -1000n, max: 1000n }),
        fc.constantFrom(0n, 1n << 53n, (1n << 53n) - 1n, -(1n << 53n), 999_999_999n, 1_000_000_000n),
      ),
    });
    fc.assert(
      fc.property(fc.array(cases, { minLength: 60, maxLength: 60 }), (list) => {
        // `#` with a decimal, `+` or ` ` with an unsigned conversion are undefined in C.
        const usable = list.filter(
          ({ flags: f, conversion }) =>
            !(f.includes("#") && "diu".includes(conversion)) &&
            !(/[+ ]/.test(f) && "uoxX".includes(conversion)),
        );
        const directive = (item: (typeof usable)[number], length: string): string =>
          `%${item.flags}${item.width}${item.precision === undefined ? "" : `.${item.precision}`}${length}${item.conversion}`;
        const ours = usable.map((item) => show(directive(item, "ll"), [s64, item.value])).join("\n");
        const { stdout } = spawnSync(
          "/usr/bin/printf",
          [
            usable.map((item) => directive(item, "")).join("\\n"),
            ...usable.map(({ value, conversion }) =>
              String("di".includes(conversion) ? value : BigInt.asUintN(64, value)),
            ),
          ],
          { encoding: "utf8" },
        );
        expect(ours).toBe(stdout);
      }),
      { numRuns: 20 },
    );
  });
});
