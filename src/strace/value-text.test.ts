import { expect, test } from "vitest";
import { argumentsText, quote, valueText } from "./value-text.ts";
import { decimal, hexadecimal, later, settle, struct } from "./value.ts";

test("bytes are quoted with octal escapes as short as the next character allows", () => {
  const bytes = Uint8Array.of(0o237, 1, 0, 0x30, 0, 0x38, 0x22, 0x5c, 0x0a, 0x41);
  expect(quote(bytes, "text")).toBe('\\237\\1\\0000\\08\\"\\\\\\nA');
  expect(quote(Uint8Array.of(0, 255), "hex")).toBe("\\x00\\xff");
});

test("numbers, pointers, flags and cut texts", () => {
  expect(valueText(hexadecimal(0)).text).toBe("0");
  expect(valueText(hexadecimal(-1)).text).toBe("-0x1");
  expect(valueText({ kind: "pointer", address: 0n }).text).toBe("NULL");
  expect(valueText({ kind: "flags", names: ["A", "B"], rest: 0x10n, unknown: "X" }).text).toBe("A|B|0x10");
  expect(valueText({ kind: "flags", names: [], rest: 4n, unknown: "F_???" }).text).toBe("0x4 /* F_??? */");
  expect(valueText({ kind: "bytes", bytes: Buffer.from("ab"), style: "text", cut: true }).text).toBe(
    '"ab"...',
  );
});

test("what is known only at the end cuts the text, and the whole continues it", () => {
  const value = struct([
    { name: "start", value: decimal(1) },
    { name: "size", value: { kind: "changed", before: decimal(4), after: later(() => decimal(6)) } },
    { name: "next", value: later(() => decimal(2)) },
  ]);
  const entry = argumentsText([value, decimal(8)]);
  const whole = argumentsText([settle(value, { failed: false }), decimal(8)]);
  expect(entry).toEqual({ text: "{start=1, size=4", complete: false });
  expect(whole).toEqual({ text: "{start=1, size=4 => 6, next=2}, 8", complete: true });
});
