import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBpfkit } from "../run-bpfkit.ts";
import { noCompiler, Programs } from "./programs.ts";

// Static probes (USDT) of a program: operands of every kind, and counters that tell the program that somebody listens.

const reason = process.platform !== "linux" || process.arch !== "x64" ? "x86-64 Linux only" : noCompiler;
if (reason !== undefined) console.log(`Skipped: ${reason}`);

/** Why the running kernel cannot be asked; undefined where it can. */
const noKernel =
  reason ??
  (runBpfkit(["trace", "-q", "--kernel", "linux", "-e", "BEGIN { exit(); }"]).code === 0
    ? undefined
    : "bpf(2) is refused");
if (noKernel !== undefined) console.log(`Skipped on the running kernel: ${noKernel}`);

describe.skipIf(reason !== undefined)("static probes", () => {
  let programs: Programs;
  let path = "";
  beforeAll(() => {
    programs = new Programs();
    path = programs.build("static-probes.c");
  });
  afterAll(() => programs[Symbol.dispose]());

  function trace(kernel: string, script: string): string[] {
    const probes = script.replaceAll("PATH", path);
    const { code, out, err } = runBpfkit([
      "trace",
      "-q",
      "--kernel",
      kernel,
      "-e",
      probes,
      "-c",
      `${path} 2`,
    ]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return out.split("\n").filter((line) => line !== "");
  }

  const OPERANDS = `usdt:PATH:demo:plain { printf("plain %d %d %d %d\\n", arg0, arg1, arg2, arg3); }
    usdt:PATH:places { printf("places %d %d %d %d %d %d %d %d\\n", arg0, arg1, arg2, arg3, arg4, arg5, arg6, arg7); }`;

  test.for(["embedded", "linux"])(
    "have their arguments wherever the compiler left them (%s)",
    (kernel, context) => {
      if (kernel === "linux" && noKernel !== undefined) return context.skip(noKernel);
      // Registers, halves of them, constants, memory with and without an index, a variable.
      expect(trace(kernel, OPERANDS).filter((line) => line.startsWith("p"))).toEqual([
        "plain 0 7 -3 16",
        "places 10 -20 30 -20 -127 66 -5 33090",
        "plain -1 6 -3 16",
        "places 10 -20 30 -20 -127 66 -5 33090",
      ]);
    },
  );

  test("are counted in each process that has their counter, and in its children", () => {
    const seen = trace("embedded", "usdt:PATH:demo:counted { @[probe] = count(); @sum = sum(arg0); }");
    // The program's own view: one for each of the probe's two places.
    expect(seen.filter((line) => /^\d+$/.test(line))).toEqual(["2", "2"]);
    // In the parent once a round, in the child twice: 0, 1, 100, 101 and -5 twice.
    expect(seen).toContain(`@[usdt:${path}:demo:counted]: 6`);
    expect(seen).toContain("@sum: 192");
  });

  test("that nobody listens to cost nothing", () => {
    expect(trace("embedded", "usdt:PATH:demo:plain { @ = count(); }")).toEqual(["0", "0", "@: 2"]);
  });

  test("are listed, and named where one is not there", () => {
    const list = runBpfkit(["trace", "--kernel", "embedded", "-l", `usdt:${path}:*`]);
    expect(list.out.trim().split("\n")).toEqual(
      ["plain", "places", "counted"].map((name) => `usdt:${path}:demo:${name}`),
    );
    const wrong = (script: string): string =>
      runBpfkit(["trace", "-q", "--kernel", "embedded", "-e", script.replaceAll("PATH", path), "-c", "true"])
        .err;
    expect(wrong("usdt:PATH:demo:plan { print(1); }")).toContain("Did you mean 'demo:plain'?");
    expect(wrong("usdt:PATH:demo:plain { print(arg7); }")).toContain("has 4 arguments");
  });
});
