import { describe, expect, it } from "vitest";
import { BpfkitError } from "../errors.ts";
import { renderDiagnostic } from "./diagnostic-text.ts";
import { renderError } from "./error-text.ts";
import { ansi, plain, styleFor } from "./style.ts";

const source = { name: "-e", text: "BEGIN\n{\tfoo(1); }\n" };

describe("diagnostics", () => {
  it("points at the place, below tabs too", () => {
    const diagnostic = {
      code: "x",
      severity: "error",
      message: "Unknown function: foo",
      span: { source, start: 8, end: 11 },
      hints: ["Did you mean `for`?"],
    } as const;
    expect(renderDiagnostic(diagnostic, plain)).toBe(
      "-e:2:3-6: ERROR: Unknown function: foo\n{\tfoo(1); }\n \t^~~\nHINT: Did you mean `for`?",
    );
    expect(renderDiagnostic(diagnostic, ansi)).toContain("\x1b[31mERROR:\x1b[0m");
  });

  it("survives spans at the end and control characters", () => {
    const hostile = { name: "a\x1b[2J", text: "x\x1b[31m" };
    const text = renderDiagnostic(
      { code: "x", severity: "warning", message: "m", span: { source: hostile, start: 99, end: 120 } },
      plain,
    );
    expect(text).not.toContain("\x1b");
  });

  it("renders errors with hints, and bugs as bugs", () => {
    expect(renderError(new BpfkitError("No", { code: "c", hints: ["Do"] }), plain)).toBe(
      "ERROR: No\nHINT: Do",
    );
    expect(renderError(new TypeError("oops"), plain)).toContain("bug of bpfkit");
  });

  it("colours terminals only, unless told otherwise", () => {
    expect(styleFor({ isTTY: true }, {})).toBe(ansi);
    expect(styleFor({ isTTY: true }, { NO_COLOR: "1" })).toBe(plain);
    expect(styleFor({}, { FORCE_COLOR: "1" })).toBe(ansi);
    expect(styleFor({}, {})).toBe(plain);
  });
});
