import { describe, expect, test } from "vitest";
import { assemble } from "../../src/isa/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { compare, runInKernel } from "./differential.ts";
import { compareWithMaps } from "./map-differential.ts";

async function runningKernel(): Promise<Kernel | undefined> {
  try {
    const kernel = await openKernel();
    if (runInKernel(kernel, assemble("r0 = 0\nexit"), new Uint8Array(8))) return kernel;
    console.log("skipped: this kernel refuses programs of type syscall");
  } catch (error) {
    console.log(`skipped: ${error instanceof Error ? error.message : String(error)}`);
  }
  return undefined;
}

const kernel = await runningKernel();

describe.skipIf(kernel === undefined)("random programs end in the same state as in the kernel", () => {
  test.each([8, 40])("of %i parts", (length) => {
    const outcome = compare(kernel!, 1000 * length, 150, length);
    expect(outcome.mismatches).toEqual([]);
    expect(outcome.equal).toBeGreaterThan(100);
  });
});

describe.skipIf(kernel === undefined)(
  "programs with maps, helpers and packets do the same as in the kernel",
  () => {
    test.each([6, 30])("of %i parts", (length) => {
      const outcome = compareWithMaps(kernel!, 2000 * length, 240, length);
      expect(outcome.mismatches).toEqual([]);
      expect(outcome.equal).toBeGreaterThan(200);
    });
  },
);
