import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Kernel } from "../kernel/index.ts";
import { fileStore } from "./features.ts";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "bpfkit-features-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

/** The part of a kernel that names a store's file. */
function boot(id: string): Kernel {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the store asks for nothing else
  return { release: { arch: "x64" }, files: { bootId: () => id } } as unknown as Kernel;
}

test("answers are kept for one boot, in one file", () => {
  fileStore(boot("a")).write(new Map([["ringBuffer", true]]));
  expect(fileStore(boot("a")).read()).toEqual(new Map([["ringBuffer", true]]));
  expect(fileStore(boot("b")).read()).toEqual(new Map());
  fileStore(boot("b")).write(new Map([["ringBuffer", false]]));
  expect(readdirSync(join(cache, "bpfkit"))).toHaveLength(1);
});

test.each(["", "null", "[1]", '{"boot":3}', '{"answers":{"ringBuffer":true}}'])(
  "a broken file %j is no answer",
  (text) => {
    fileStore(boot("a")).write(new Map([["ringBuffer", true]]));
    const [file = ""] = readdirSync(join(cache, "bpfkit"));
    writeFileSync(join(cache, "bpfkit", file), text);
    expect(fileStore(boot("a")).read()).toEqual(new Map());
  },
);

test("a cache that cannot be written is no error", () => {
  const file = join(cache, "file");
  writeFileSync(file, "");
  vi.stubEnv("XDG_CACHE_HOME", file);
  expect(() => fileStore(boot("a")).write(new Map([["ringBuffer", true]]))).not.toThrow();
  expect(fileStore(boot("a")).read()).toEqual(new Map());
});
