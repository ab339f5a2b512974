import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findClang } from "../../src/c/index.ts";

const launcher = resolve("bpfkit");
const folder = mkdtempSync(join(tmpdir(), "bpfkit-new-"));
const able = process.geteuid?.() === 0 && existsSync("/sys/kernel/btf/vmlinux");
const MINUTE = 60_000;

afterAll(() => rmSync(folder, { recursive: true }));

function make(...args: readonly string[]): { out: string; err: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(launcher, ["new", ...args], { encoding: "utf8", cwd: folder });
  return { out: stdout, err: stderr, code: status };
}

/** `npm test` of a project, with this package and its tools in place of what npm would install. */
function npmTest(project: string): { out: string; code: number | null } {
  const modules = join(folder, project, "node_modules");
  mkdirSync(join(modules, ".bin"), { recursive: true });
  symlinkSync(resolve("."), join(modules, "bpfkit"));
  for (const name of ["typescript", "@types"])
    symlinkSync(resolve("node_modules", name), join(modules, name));
  symlinkSync(launcher, join(modules, ".bin", "bpfkit"));
  symlinkSync(resolve("node_modules/typescript/bin/tsc"), join(modules, ".bin", "tsc"));
  const { stdout, stderr, status } = spawnSync("npm", ["test"], {
    encoding: "utf8",
    cwd: join(folder, project),
    // The test runner that this runs in marks its children.
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: undefined },
  });
  return { out: stdout + stderr, code: status };
}

function hasClang(): boolean {
  try {
    return findClang(process.env).path !== "";
  } catch {
    return false;
  }
}

describe("new", () => {
  it("writes a project, says what is next, and never overwrites", () => {
    const { out, code } = make("written");
    expect(out).toContain("written/src/written.bpf.c\n");
    expect(out).toContain("Next:\n  cd written\n  npm install\n");
    expect(code).toBe(0);
    const json: unknown = JSON.parse(readFileSync(join(folder, "written/package.json"), "utf8"));
    expect(json).toMatchObject({
      name: "written",
      dependencies: { bpfkit: expect.stringMatching(/^(file:\.\.|\^\d)/) },
    });
    const again = make("written");
    expect(again).toMatchObject({ code: 1, out: "" });
    expect(again.err).toContain("written is there already, and not empty");
  });

  it("refuses names that no package can have", () => {
    for (const name of ["Big", "../evil_name", "a b", "-x-"]) expect(make("--", name).code).toBe(1);
    expect(make().err).toContain("Give one name");
    expect(readdirSync(folder)).toEqual(["written"]);
  });

  it.skipIf(!able || !hasClang())(
    "makes a C project that builds and passes its tests",
    () => {
      expect(make("watch").code).toBe(0);
      const { out, code } = npmTest("watch");
      expect(out).toMatch(/^# pass 2$|^ℹ pass 2$/m);
      expect(code).toBe(0);
    },
    MINUTE,
  );

  it.skipIf(!able)(
    "makes a project of a script that builds and passes its tests",
    () => {
      expect(make("failures", "--lang", "bt").code).toBe(0);
      const { out, code } = npmTest("failures");
      expect(out).toMatch(/^# pass 1$|^ℹ pass 1$/m);
      expect(code).toBe(0);
    },
    MINUTE,
  );
});
