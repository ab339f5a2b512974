import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check } from "./check/check.ts";
import { findings, syntaxOf, world } from "./fakes.test-util.ts";
import { parse } from "./parse.ts";

function problems(text: string): string[] {
  const { diagnostics } = parse({ name: "test.bt", text });
  return diagnostics.map(({ message, span }) => `${span?.start}-${span?.end} ${message}`);
}

test.each([
  ["BEGIN { 1 + 2 * 3 == 7 && !$x || @y[1, 2] }"],
  ["BEGIN { $a = (struct foo *)arg0; (pid) * tid; (uint8[4])$b; (a)*$c }"],
  ["kprobe:f /pid == 1/ { if (@a) { print(1) } else if 2 { } else { exit() } }"],
  ["i:s:1 { for ($i : 0..ncpus) { @[$i]++ } while ($x < 5) { $x++; break } unroll(3) { --@c; } }"],
  [
    'begin { let $a: string[16] = x ? "a\\n" : { $b; "c" }; _ = sizeof(struct foo); $t = (1, (a = 2), ()).0 }',
  ],
  ["let @m = lruhash(10); macro f($a, @b, c) { c + 1 } config = { max_strlen = 64 }"],
])("syntax tree of %s", (text) => {
  expect(syntaxOf(text)).toMatchSnapshot();
});

describe("the C part", () => {
  test("what a conditional leaves out is not read", () => {
    const text =
      "#ifndef BPFTRACE_HAVE_BTF\n#include <a.h>\nstruct x { broken\n#else\n#include <b.h>\n#endif\nBEGIN { }";
    const { program, diagnostics } = parse({ name: "test.bt", text });
    expect(diagnostics).toEqual([]);
    expect(program.prelude).toMatchObject([{ kind: "include", path: "b.h" }]);
    expect(program.items).toHaveLength(1);
  });
  test("conditionals must end", () => {
    expect(problems("#ifdef A\nBEGIN { }")).toEqual(["0-1 #if without #endif"]);
  });
  test("attributes belong to the declaration", () => {
    const text = "struct a { int x; } __attribute__((packed)) struct b { int y; }; BEGIN { }";
    expect(parse({ name: "test.bt", text }).program.prelude).toHaveLength(2);
  });
});

describe("errors", () => {
  test.each([
    ["BEGIN { $x = ; }", ["13-14 Expected a value, found ';'"]],
    ["BEGIN { $x = 1 $y = 2; }", ["13-14 Expected ';' before '$y'"]],
    ["BEGIN { print(1 }", ["16-17 Expected ')' to end the arguments of 'print', found '}'"]],
    ["BEGIN {", ["7-7 Expected '}' to end a block, found the end of the script"]],
    ['BEGIN { printf("abc) }', ["15-22 String without a closing quote"]],
    ["BEGIN { 09; }", ["8-10 '09' is not an octal number"]],
    ["BEGIN { 99999999999999999999; }", ["8-28 '99999999999999999999' does not fit into 64 bits"]],
    ["BEGIN { 12abc }", ["8-13 '12abc' is not a number: unknown suffix 'abc'"]],
    ["kprob:f { }", []],
    ["hello world { }", ["0-5 Expected a probe, found 'hello'"]],
    ["BEGIN { $x.y = 1; }", ["8-12 Fields and elements cannot be assigned to"]],
    ["BEGIN { 5++ }", ["8-9 '++' and '--' need a variable or a map"]],
    ["BEGIN { /* }", ["8-12 Comment without an end"]],
  ])("%s", (text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  test("one run reports the errors of several statements and probes", () => {
    const text = "BEGIN { $x = ; $y = 1; $z = ); } END { print(; } interval:s:1 { exit() }";
    expect(problems(text)).toHaveLength(3);
    expect(parse({ name: "test.bt", text }).program.items).toHaveLength(3);
  });

  test.each([
    ["(".repeat(5000)],
    [`BEGIN { ${"(".repeat(5000)}1`],
    [`BEGIN { ${"-".repeat(5000)}1 }`],
    [`BEGIN { ${"{".repeat(5000)}`],
    [`BEGIN { ${"if (1) {} else ".repeat(5000)} {} }`],
    [`BEGIN { $x = 1${" + 1".repeat(5000)}; }`],
    [`BEGIN { $x = $x${".a".repeat(5000)}; }`],
    [`BEGIN { $x = ${"1 ? 2 : ".repeat(5000)}3; }`],
    [`BEGIN { $x = (int${"*".repeat(5000)})0; }`],
    [`struct a { ${"struct { ".repeat(5000)}`],
  ])("deep nesting is refused, not followed: %#", (text) => {
    expect(findings(text).some(({ severity }) => severity === "error")).toBe(true);
  });
});

const words =
  "BEGIN END kprobe:f / { } ( ) [ ] ; , . -> ++ -- + - * / % & && | || ^ ! ~ = == != < > <= >= << >> += ? : .. " +
  '$a $b @ @m 1 0x10 1e3 "s" "%d\\n" if else while for unroll let return break struct int uint64 sizeof offsetof ' +
  "typeof printf print count hist str macro config import # #define #include true pid comm args nsecs $1 $# \n";
const tokens = words.split(" ");

function survives(text: string): void {
  const { program } = parse({ name: "fuzz.bt", text });
  check(program, world, { positional: ["1", "b"], unsafe: true });
}

describe("any text is answered", () => {
  test("token soup", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...tokens), { maxLength: 60 }), (list) =>
        survives(list.join(" ")),
      ),
      { numRuns: 1500 },
    );
  });
  test("token soup inside a probe", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...tokens), { maxLength: 40 }), (list) =>
        survives(`BEGIN { $a = 1; @m[1] = 2; ${list.join(" ")} }`),
      ),
      { numRuns: 1500 },
    );
  });
  test("random text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), survives), { numRuns: 500 });
  });
  test("mutations of a script", () => {
    const script =
      '#include <a.h>\nstruct s { int a:3; char b[4]; };\nkprobe:vfs_read /pid == 1/ { @[comm, arg0] = hist(nsecs - @s[tid]); delete(@s, tid); printf("%s %d\\n", str(arg1), ((struct s *)arg2)->a); if ($1 > 2) { exit(1) } else { $x = (1, "a"); print($x.1); } }';
    fc.assert(
      fc.property(fc.nat(script.length), fc.nat(30), fc.constantFrom(...tokens), (at, length, token) =>
        survives(script.slice(0, at) + token + script.slice(at + length)),
      ),
      { numRuns: 1500 },
    );
  });
});

const folder = process.env["BPFKIT_BPFTRACE_TOOLS"];
describe.skipIf(folder === undefined)(
  "the tools of bpftrace (BPFKIT_BPFTRACE_TOOLS names their folder)",
  () => {
    const files = folder === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith(".bt"));
    test.each(files)("%s", (file) => {
      const { diagnostics } = parse({ name: file, text: readFileSync(join(folder!, file), "utf8") });
      expect(diagnostics).toEqual([]);
    });
  },
);
