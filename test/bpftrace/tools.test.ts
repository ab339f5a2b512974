import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { check, parse, type World } from "../../src/bpftrace/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { kernelWorld } from "../../src/script/index.ts";

// bpftrace's own tools are not in this repository: BPFKIT_BPFTRACE_TOOLS names a folder that holds them.
const folder = process.env["BPFKIT_BPFTRACE_TOOLS"];
const files = folder === undefined ? [] : readdirSync(folder).filter((file) => file.endsWith(".bt"));

/** Kernels differ in what can be probed; the language is to be the same everywhere. */
const ofThisMachine = new Set(["bpftrace/no-such-probe", "bpftrace/no-probes"]);

async function open(): Promise<{ kernel: Kernel; world: World } | undefined> {
  try {
    const kernel = await openKernel();
    return { kernel, world: kernelWorld(kernel) };
  } catch {
    // No kernel to ask: nothing to check against.
    return undefined;
  }
}

const opened = files.length > 0 ? await open() : undefined;
if (files.length === 0) console.log("skipped: BPFKIT_BPFTRACE_TOOLS names no folder with .bt files");

describe.skipIf(!opened)("bpftrace's tools are checked", () => {
  test.each(files)("%s", (file) => {
    const parsed = parse({ name: file, text: readFileSync(join(folder!, file), "utf8") });
    const { diagnostics } = check(parsed.program, opened!.world, { positional: [], unsafe: true });
    const errors = [...parsed.diagnostics, ...diagnostics].filter(
      ({ severity, code }) => severity === "error" && !ofThisMachine.has(code),
    );
    expect(errors.map(({ message }) => message)).toEqual([]);
  });
});
