import { describe, expect, it } from "vitest";
import type { Shape } from "../codec/index.ts";
import { BpfkitError } from "../errors.ts";
import { parseGlobal } from "./global-value.ts";

const int: Shape = { kind: "int", size: 4, signed: true };
const modes = [
  { name: "SLOW", value: 0n },
  { name: "FAST", value: 7n },
];

describe("values of global variables", () => {
  it.each<[string, Shape, string, unknown]>([
    ["a number", int, "-12", -12],
    ["hexadecimal", int, "0x2A", 42],
    ["64 bits", { kind: "bigint", size: 8, signed: false }, "18446744073709551615", 18446744073709551615n],
    ["a switch", { kind: "boolean", size: 1 }, "yes", true],
    ["a switch that is off", { kind: "boolean", size: 1 }, "0", false],
    ["an enumerator", { kind: "enum", name: "m", size: 4, signed: false, enumerators: modes }, "FAST", 7],
    ["text", { kind: "text", size: 16 }, "/tmp/=x", "/tmp/=x"],
    ["bytes", { kind: "bytes", size: 4 }, "127,0,0,1", Uint8Array.of(127, 0, 0, 1)],
    ["an array", { kind: "array", size: 8, element: int, length: 2 }, "1,2", [1, 2]],
    ["a fraction", { kind: "float", size: 8 }, "0.5", 0.5],
  ])("%s", (_what, shape, text, expected) => {
    expect(parseGlobal("v", shape, text)).toEqual(expected);
  });

  it.each<[string, Shape]>([
    ["two", int],
    ["1.5", int],
    ["", int],
    ["maybe", { kind: "boolean", size: 1 }],
    ["x", { kind: "struct", name: "s", size: 4, fields: [] }],
    ["", { kind: "float", size: 4 }],
  ])("%j is refused", (text, shape) => {
    expect(() => parseGlobal("v", shape, text)).toThrow(BpfkitError);
  });
});
