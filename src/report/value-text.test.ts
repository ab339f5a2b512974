import { describe, expect, it } from "vitest";
import { formatInet } from "./address.ts";
import { linearHistogram, logHistogram } from "./histogram.ts";
import { formatTime } from "./strftime.ts";
import { mapJson, valueJson } from "./value-json.ts";
import { mapText, valueText } from "./value-text.ts";
import type { MapSnapshot } from "./value.ts";

const bar = (length: number): string => `|${"@".repeat(length).padEnd(52)}|`;

const rows = (min: number, max: number, step: number, counts: number[]): string =>
  mapText({
    name: "@",
    type: "hist",
    scalar: false,
    entries: [{ key: 1, value: linearHistogram(counts, { min, max, step }) }],
  });
const inet6 = (hex: string): string => formatInet(10, Buffer.from(hex, "hex"));

describe("maps as text", () => {
  it("prints scalars, keys and tuples", () => {
    const map: MapSnapshot = {
      name: "@x",
      type: "map",
      scalar: false,
      entries: [
        { key: { kind: "tuple", values: ["a", 2] }, value: 5 },
        { key: "b", value: { kind: "tuple", values: [1, { kind: "array", values: [1, 2] }] } },
      ],
    };
    expect(mapText(map)).toBe("@x[a, 2]: 5\n@x[b]: (1, [1,2])\n");
    expect(mapText({ name: "@", type: "map", scalar: true, entries: [{ value: -3 }] })).toBe("@: -3\n");
  });

  it("draws hist() boxes", () => {
    const counts = [1, 0, 0, 2, 1, 0, 1, 0, 0, 0, 0, 0, 1];
    const text = mapText({
      name: "@",
      type: "hist",
      scalar: true,
      entries: [{ value: logHistogram(counts, 0) }],
    });
    expect(text.split("\n").slice(0, 7)).toEqual([
      "@:",
      `(..., 0)               1 ${bar(26)}`,
      `[0]                    0 ${bar(0)}`,
      `[1]                    0 ${bar(0)}`,
      `[2, 4)                 2 ${bar(52)}`,
      `[4, 8)                 1 ${bar(26)}`,
      `[8, 16)                0 ${bar(0)}`,
    ]);
    expect(text).toContain(`[1K, 2K)               1 ${bar(26)}\n\n`);
  });

  it("labels lhist() by K and M only where all boundaries can be", () => {
    expect(rows(0, 2048, 1024, [0, 1, 1, 1])).toBe(
      `@[1]:\n[0, 1K)                1 ${bar(52)}\n[1K, 2K)               1 ${bar(52)}\n[2K, ...)              1 ${bar(52)}\n\n`,
    );
    expect(rows(630000, 650000, 10000, [1, 1, 0, 0])).toBe(
      `@[1]:\n(..., 630000)          1 ${bar(52)}\n[630000, 640000)       1 ${bar(52)}\n\n`,
    );
    expect(rows(0, 2, 1, [0, 1, 0, 0])).toContain("[0]  ");
  });

  it("indents stacks", () => {
    const frames = [{ address: 16, symbol: "f", offset: 3, module: "/bin/x" }, { address: 32 }];
    expect(valueText({ kind: "stack", mode: "bpftrace", frames })).toBe("\n        f+3\n        0x20\n");
    expect(valueText({ kind: "stack", mode: "perf", frames })).toBe(
      "\n\t10 f+3 (/bin/x)\n\t20 0x20 ([unknown])\n",
    );
  });
});

describe("JSON", () => {
  it("keeps 64-bit integers exact", () => {
    expect(valueJson(2n ** 63n)).toBe("9223372036854775808");
    expect(valueJson(2n ** 63n - 1n)).toBe('"9223372036854775807"');
  });

  it("shapes maps and histograms as bpftrace does", () => {
    expect(
      mapJson({
        name: "@h",
        type: "hist",
        scalar: true,
        entries: [{ value: logHistogram([0, 0, 1, 2], 0) }],
      }),
    ).toBe(
      '{"type": "hist", "data": {"@h": [{"min": 1, "max": 1, "count": 1},{"min": 2, "max": 3, "count": 2}]}}',
    );
    const key = { kind: "tuple", values: ["a b", 1] } as const;
    const map: MapSnapshot = { name: "@", type: "map", scalar: false, entries: [{ key, value: 2 }] };
    expect(mapJson(map)).toBe('{"type": "map", "data": {"@": {"ab,1": 2}}}');
  });
});

describe("formats", () => {
  it("writes addresses as inet_ntop does", () => {
    expect(formatInet(2, Buffer.from([127, 0, 0, 1, 9]))).toBe("127.0.0.1");
    expect(inet6("00000000000000000000000000000001")).toBe("::1");
    expect(inet6("00000000000000000000000000000000")).toBe("::");
    expect(inet6("20010db8000000000001000000000001")).toBe("2001:db8::1:0:0:1");
    expect(inet6("00000000000000000000ffff0a000001")).toBe("::ffff:10.0.0.1");
    expect(inet6("20010db8000100020003000400050006")).toBe("2001:db8:1:2:3:4:5:6");
  });

  it("knows strftime's conversions", () => {
    const time = { seconds: Date.UTC(2024, 0, 1, 12, 5, 9) / 1000, nanoseconds: 123_456_789 };
    expect(formatTime("%Y-%m-%d %j %a %G-W%V %Q %%", time)).toMatch(/^2024-01-01 001 Mon 2024-W01 %Q %$/);
    expect(formatTime("%M:%S.%f %l", time, "fractions")).toBe("05:09.123456 123");
  });
});
