import { afterAll, describe, expect, it } from "vitest";
import { nativeTarget, runScript, tryKernel } from "./run-script.ts";

const kernel = await tryKernel();
afterAll(() => kernel?.[Symbol.dispose]());

/** Statements in BEGIN, and what they leave in `@r` by key. */
const cases: readonly (readonly [name: string, statements: string, expected: Record<number, number>])[] = [
  ["a loop over a known range", "$s = 0; for ($i : 2..6) { $s += $i; } @r[0] = $s;", { 0: 14 }],
  [
    "a loop over a range that only the program knows",
    "@n = 8; $s = 0; for ($i : 0..@n) { if ($i == 3) { continue; } if ($i == 6) { break; } $s += $i; } @r[0] = $s;",
    { 0: 12 },
  ],
  ["a long loop", "$s = 0; for ($i : 0..2000) { $s += $i; } @r[0] = $s;", { 0: 1_999_000 }],
  ["an empty range", "@n = 3; @r[0] = 1; for ($i : 5..@n) { @r[0] = 2; }", { 0: 1 }],
  [
    "leaving the program from inside loops",
    "@n = 9; @r[0] = 1; for ($i : 0..@n) { if ($i == 4) { @r[1] = $i; return; } } @r[0] = 2;",
    { 0: 1, 1: 4 },
  ],
  [
    "a loop over a map in a loop over a range",
    "@m[1] = 1; @m[2] = 2; $s = 0; for ($i : 0..100) { for ($kv : @m) { $s += $kv.1 * $i; } } @r[0] = $s;",
    { 0: 14_850 },
  ],
  ["while", "$i = 0; while ($i < 10) { $i++; if ($i == 5) { break; } } @r[0] = $i;", { 0: 5 }],
  ["unroll", "$s = 0; unroll(4) { $s = $s * 2 + 1; } @r[0] = $s;", { 0: 15 }],
  ["a pointer to a variable", "$x = (int64)5; $p = &$x; $x = 6; @r[0] = *$p;", { 0: 6 }],
  [
    "a needle that only the program knows",
    '$n = "bar"; $m = "baz"; @r[0] = strcontains("foobar", $n); @r[1] = strcontains("foobar", $m);',
    { 0: 1, 1: 0 },
  ],
  [
    "aggregates read in the program",
    "@c = count(); @c = count(); @m = min(-4); @m = min(9); @r[0] = (int64)@c; @r[1] = (int64)@m;",
    { 0: 2, 1: -4 },
  ],
];

describe.skipIf(kernel === undefined)("scripts in the kernel", () => {
  it.each(cases)("%s", (_name, statements, expected) => {
    const answers = runScript(kernel!, `BEGIN { ${statements} }`, nativeTarget(kernel!));
    const numbers = Object.fromEntries([...answers].map(([key, value]) => [Number(key), Number(value)]));
    expect(numbers).toEqual(expected);
  });

  // The embedded kernel has no stacks.
  it.skipIf(kernel?.name.startsWith("embedded"))("counts the frames of stacks", () => {
    const script = `BEGIN { @r[0] = len(kstack(2)); @r[1] = len(ustack(1));
      $n = len(kstack); @r[2] = $n > 3 && $n < 127 ? 1 : 0; }`;
    const answers = runScript(kernel!, script, nativeTarget(kernel!));
    expect(answers).toEqual(
      new Map([
        [0n, 2n],
        [1n, 1n],
        [2n, 1n],
      ]),
    );
  });
});
