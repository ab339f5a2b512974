import { expect, test } from "vitest";
import type { Kernel } from "../kernel/index.ts";
import { kernelVersionCode } from "./kernel-version.ts";

function kernelWith(files: Readonly<Record<string, string>>, patch = 0): Kernel {
  const read = (path: string): Uint8Array | undefined =>
    files[path] === undefined ? undefined : Buffer.from(files[path]);
  // Nothing else is asked for.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return {
    files: { read },
    release: { text: "", major: 5, minor: 10, patch, arch: "x64" },
  } as unknown as Kernel;
}

test("the version is the stable release that a distribution's kernel is made of", () => {
  const version = "/proc/sys/kernel/version";
  expect(kernelVersionCode(kernelWith({}, 7))).toBe(0x05_0a_07);
  expect(kernelVersionCode(kernelWith({}, 300))).toBe(0x05_0a_ff);
  expect(kernelVersionCode(kernelWith({ [version]: "#1 SMP Debian 5.10.223-1 (2024-08-10)\n" }))).toBe(
    0x05_0a_df,
  );
  expect(kernelVersionCode(kernelWith({ [version]: "#1 SMP PREEMPT_DYNAMIC Mon\n" }, 3))).toBe(0x05_0a_03);
  const signature = { "/proc/version_signature": "Ubuntu 5.15.0-58.64-generic 5.15.74\n" };
  expect(kernelVersionCode(kernelWith({ ...signature, [version]: "#64-Ubuntu SMP" }))).toBe(0x05_0f_4a);
});
