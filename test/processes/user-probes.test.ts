import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBpfkit } from "../run-bpfkit.ts";
import { noCompiler, Programs } from "./programs.ts";

// Probes of user code by breakpoints: every hit is counted, whatever the threads and processes do meanwhile.

const reason = process.platform !== "linux" || process.arch !== "x64" ? "x86-64 Linux only" : noCompiler;
if (reason !== undefined) console.log(`Skipped: ${reason}`);

describe.skipIf(reason !== undefined)("hits of probes of user code", () => {
  let programs: Programs;
  let path = "";
  beforeAll(() => {
    programs = new Programs();
    path = programs.build("probed.c", "probed", "-pthread", "-ldl");
  });
  afterAll(() => programs[Symbol.dispose]());

  function trace(script: string, ...args: readonly (string | number)[]): Record<string, string> {
    const probes = script.replaceAll("PATH", path);
    const command = [path, ...args].join(" ");
    const { code, out, err } = runBpfkit([
      "trace",
      "-q",
      "--kernel",
      "embedded",
      "-e",
      probes,
      "-c",
      command,
    ]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return Object.fromEntries(
      [...out.matchAll(/^(@\w*(?:\[.*\])?): (.*)$/gm)].map(([, key, value]) => [key, value]),
    );
  }

  const HOT = "uprobe:PATH:hot { @in = count(); } uretprobe:PATH:hot { @out = count(); @sum = sum(retval); }";

  test.each(["threads", "signals"])("by 8 threads at once, none lost and none twice (%s)", (mode) => {
    // hot(x) is x and one to four more, by its last two bits.
    const sum =
      8 * Array.from({ length: 400 }, (_, n) => n + 1 + (((n + 1) & 3) + 1)).reduce((a, b) => a + b, 0);
    expect(trace(HOT, mode, 400)).toEqual({ "@in": "3200", "@out": "3200", "@sum": String(sum) });
  });

  test("by recursion: each call returns, with its own value", () => {
    const seen = trace(
      "uprobe:PATH:deep { @in = count(); } uretprobe:PATH:deep { @out[retval] = count(); }",
      "deep",
      30,
    );
    expect(seen["@in"]).toBe("31");
    for (let depth = 0; depth <= 30; depth++) expect(seen[`@out[${depth}]`]).toBe("1");
  });

  test("left by longjmp, which is no return", () => {
    const script = `uprobe:PATH:leaves { @left = count(); } uretprobe:PATH:leaves { @returned = count(); }
      uretprobe:PATH:deep { @deep = count(); }`;
    expect(trace(script, "longjmp", 10)).toEqual({ "@left": "10", "@deep": "4" });
  });

  test("in both processes behind a fork within the function", () => {
    const script = `${HOT} uretprobe:PATH:forks { @forks[retval == 0] = count(); }`;
    expect(trace(script, "fork", 5)).toMatchObject({
      "@in": "10",
      "@out": "10",
      "@forks[true]": "1",
      "@forks[false]": "1",
    });
  });

  test("in children that share memory until they become another program, and afterwards in their parent", () => {
    const script =
      "uretprobe:PATH:deep { @deep = count(); } uprobe:PATH:hot { @hot = count(); } uretprobe:PATH:hot { @out = count(); }";
    expect(trace(script, "vfork", 5)).toEqual({ "@deep": "30", "@hot": "5", "@out": "5" });
    expect(trace(script, "clone", 6)).toEqual({ "@hot": "12", "@out": "12" });
  });

  test("in a program that becomes itself again and again", () => {
    expect(trace(HOT, "exec", 5)).toMatchObject({ "@in": "5", "@out": "5" });
  });

  test("in a library that comes and goes", () => {
    const library = programs.build("plugged.c", "plugged.so", "-shared", "-fPIC");
    const script = `uprobe:${library}:plugged { @in = count(); } uretprobe:${library}:plugged { @sum = sum(retval); }`;
    expect(trace(script, "dlopen", 4, library)).toEqual({ "@in": "4", "@sum": "10" });
  });
});
