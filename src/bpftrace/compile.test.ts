import { expect, test } from "vitest";
import { compileScript } from "./compile.ts";
import { world } from "./fakes.test-util.ts";
import { type CompileTarget, PORTABLE } from "./lower/index.ts";
import type { World } from "./world.ts";

/** A machine of which nothing is known. */
const nowhere: World = {
  tracepoints: () => undefined,
  tracepointFormat: () => undefined,
  kernelFunctions: () => undefined,
  userSymbols: () => undefined,
  findExecutable: () => undefined,
  cgroupId: () => undefined,
  kernelAddress: () => undefined,
  arch: "x64",
};

function compile(text: string, printIr = false): ReturnType<typeof compileScript> {
  const options = { positional: [], unsafe: false, target: PORTABLE, printIr };
  return compileScript({ name: "test.bt", text }, nowhere, options);
}

test("a script becomes an object and a plan", () => {
  const { object, plan, diagnostics, ir } = compile('BEGIN { @x = 1; printf("%d\\n", @x); exit(); }', true);
  expect(diagnostics).toEqual([]);
  expect(object?.programs.map((program) => program.section)).toEqual(["raw_tp/begin"]);
  expect(object?.maps.map((map) => map.name)).toEqual(["x", "bpfkit_globals", "bpfkit_ring"]);
  expect(plan?.probes).toEqual([
    { program: "begin", name: "begin", attach: { kind: "begin" }, at: { start: 0, end: 5 } },
  ]);
  expect(plan?.records[0]?.actions.map((action) => action.kind)).toEqual(["printf", "exit"]);
  expect(ir).toContain("function begin(p0: ptr): i32");
});

test("the same script gives the same object on every machine", () => {
  const text = 'kprobe:vfs_read { @[comm, arg2] = hist(arg2); printf("%s\\n", str(arg0)); }';
  expect(JSON.stringify(compile(text).object)).toBe(JSON.stringify(compile(text).object));
});

test("a plan is JSON and nothing else", () => {
  const { plan } = compile('interval:s:1 { @a[pid] = count(); print(@a); time("%H"); } END { clear(@a); }');
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

test.each(["BEGIN { printf(", "BEGIN { @x = nothing; }", "BEGIN { skboutput(1); }"])(
  "findings instead of an object: %s",
  (text) => {
    const { object, plan, diagnostics } = compile(text);
    expect(object).toBeUndefined();
    expect(plan).toBeUndefined();
    expect(diagnostics.some(({ severity }) => severity === "error")).toBe(true);
  },
);

test.each<[script: string, target: Partial<CompileTarget>, message: RegExp | undefined]>([
  ['uprobe:bash:main { print(uaddr("count")) }', {}, undefined],
  ['uprobe:app:main { print(uaddr("count")) }', {}, undefined],
  ['uretprobe:bash:main { print(uaddr("count")) }', {}, undefined],
  ['uretprobe:app:main { print(uaddr("count")) }', {}, /Linux 6\.6/],
  [
    'uretprobe:app:main { print(uaddr("count")) }',
    { features: { ...PORTABLE.features, userFunctionAddress: true } },
    undefined,
  ],
  ['uprobe:app:main { print(uaddr("count")) }', { relocate: true }, /portable/],
])("addresses of user symbols: %s", (text, target, message) => {
  const { diagnostics } = compileScript({ name: "test.bt", text }, world, {
    positional: [],
    unsafe: false,
    target: { ...PORTABLE, relocate: false, ...target },
  });
  expect(diagnostics.map((diagnostic) => diagnostic.message).join("\n")).toMatch(message ?? /^$/);
});
