import { describe, expect, it } from "vitest";
import { call, exit, loadMapValue, moveImmediate } from "../isa/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { BPF_FUNC, BPF_PROG_TYPE } from "../uapi/index.ts";
import { printkFormats } from "./printk-formats.ts";
import { PrintkParser, type PrintkLine } from "./printk-line.ts";

function printing(format: string | undefined): ObjectSpec {
  const load = format === undefined ? [moveImmediate(1, 0)] : loadMapValue(1, 0, 4);
  return {
    license: "GPL",
    maps: [
      {
        name: ".rodata",
        type: 2,
        keySize: 4,
        valueSize: 64,
        maxEntries: 1,
        flags: 0,
        contents: Buffer.from(`abc\0${format ?? ""}\0`),
      },
    ],
    programs: [
      {
        name: "p",
        section: "kprobe",
        type: BPF_PROG_TYPE.KPROBE,
        insns: [...load, moveImmediate(2, 8), call(BPF_FUNC.trace_printk), exit()],
        relocations: format === undefined ? [] : [{ kind: "map", insn: 0, map: ".rodata", offset: 4 }],
        functions: [],
        lines: [],
      },
    ],
  };
}

describe("formats of an object's own prints", () => {
  it.each<[string, string, boolean]>([
    ["exec %d %s\n", "exec 12 cat", true],
    ["exec %d %s\n", "open 12 cat", false],
    ["%llx: %-16s|", "ff: name            |", true],
    ["%llx: %-16s|", "ff: name", false],
    ["100%% of %d", "100% of 4", true],
    ["plain", "plain", true],
    ["plain", "plainer", false],
    ["%pks", "vfs_read", true],
  ])("%j prints %j: %s", (format, message, expected) => {
    const formats = printkFormats(printing(format));
    expect([formats.any, formats.matches(message)]).toEqual([true, expected]);
  });

  it("that are not constants allow every message", () => {
    expect(printkFormats(printing(undefined)).matches("anything")).toBe(true);
  });

  it("are none where nothing prints", () => {
    const { programs, ...spec } = printing("x");
    const silent = programs.map((program) => ({ ...program, insns: [exit()] }));
    expect(printkFormats({ ...spec, programs: silent }).any).toBe(false);
  });
});

describe("lines of the trace pipe", () => {
  it("are put together from pieces", () => {
    const lines: PrintkLine[] = [];
    const parser = new PrintkParser((line) => lines.push(line));
    parser.push("            cat-1234    [001] ...21  5012.345678: bpf_trace_printk: hel");
    parser.push("lo\n         my-app-77  [000] d..3.  1.5: bpf_trace_printk: two\nlines\n\n");
    parser.flush();
    expect(lines).toEqual([
      { comm: "cat", pid: 1234, cpu: 1, time: "5012.345678", text: "hello" },
      { comm: "my-app", pid: 77, cpu: 0, time: "1.5", text: "two\nlines" },
    ]);
  });
});
