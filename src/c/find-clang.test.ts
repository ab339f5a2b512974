import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findClang } from "./find-clang.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bpfkit-clang-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function compiler(name: string, says: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

test("the plain name comes first, then the newest number", () => {
  compiler("clang-9", "clang version 9.0.1");
  const newest = compiler("clang-21", "Debian clang version 21.1.8 (3)");
  compiler("clang-19", "clang version 19.1.7");
  compiler("clang-format-22", "clang-format version 22.0.0");
  expect(findClang({ PATH: `/nowhere:${folder}` })).toEqual({ path: newest, version: 21 });
  const plain = compiler("clang", "clang version 16.0.6");
  expect(findClang({ PATH: folder })).toEqual({ path: plain, version: 16 });
});

test("one that is too old is passed over for a newer one, and named where there is none", () => {
  compiler("clang", "clang version 11.0.1");
  expect(() => findClang({ PATH: folder })).toThrow(/clang is clang 11; 14 is the oldest/);
  const newer = compiler("clang-14", "clang version 14.0.0");
  expect(findClang({ PATH: folder }).path).toBe(newer);
});

test("CLANG wins, and must run", () => {
  compiler("clang", "clang version 19.1.7");
  const own = compiler("my-clang", "clang version 20.0.0");
  expect(findClang({ PATH: folder, CLANG: own })).toEqual({ path: own, version: 20 });
  expect(() => findClang({ PATH: folder, CLANG: join(folder, "absent") })).toThrow(
    /CLANG names does not run/,
  );
});

test("without any, the error says how to get one", () => {
  const error = (() => {
    try {
      return findClang({ PATH: folder });
    } catch (caught) {
      return caught;
    }
  })();
  expect(error).toMatchObject({
    code: "c/no-clang",
    hints: [expect.stringMatching(/^Install clang 14 or newer/)],
  });
});
