import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiReference } from "../../scripts/api-reference.mjs";
import { parseComment, readExports } from "../../scripts/api-extract.mjs";
import { canLoad, closesAll, testObject } from "../../src/library/test-object.test-util.ts";
import { toElf } from "../../src/object/index.ts";
import { call, ENVIRONMENT, recording, returned, text } from "../replay/recordings.ts";
import { skeletonModule } from "../../src/skeleton/index.ts";

const root = join(import.meta.dirname, "..", "..");
const exported = readExports();

/** Values that need no example of their own, and why. */
const WITHOUT_EXAMPLE: Readonly<Record<string, string>> = {
  MapHandle: "the base of the other maps",
  OtherMap: "has nothing but that base",
  UserRingMap: "its programs need callbacks: test/library/c-object.test.ts",
  cc: "takes clang: test/library/c-object.test.ts",
  CError: "as cc",
  linkObjects: "takes objects of a compiler: test/peers/linked-objects.test.ts",
  AttachError: "what it takes to see it depends on the kernel: docs/library.md",
  ElfError: "as BtfError",
  RecordingError: "as BtfError",
  ObjectError: "as BtfError",
};

/** Milliseconds that a compiler may take on a machine that does much else. */
const COMPILER = 120_000;

interface Example {
  /** Where it stands, as a file name. */
  readonly name: string;
  readonly code: string;
}

/** Examples of comments, and those of the guide. */
function examples(): Example[] {
  const inComments = [...exported.values()].flatMap(({ name, comment }) =>
    parseComment(comment).examples.map((code, index) => ({ name: `${name}-${index}`, code })),
  );
  const inMembers = [...exported.values()].flatMap(({ name, declaration }) =>
    [...declaration.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap(([comment], index) =>
      parseComment(comment.replace(/^\s*(\/\*\*|\*\/|\* ?)/gm, "")).examples.map((code) => ({
        name: `${name}-member-${index}`,
        code,
      })),
    ),
  );
  const guide = readFileSync(join(root, "docs", "library.md"), "utf8");
  const inGuide = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""], index) => ({
    name: `guide-${index}`,
    code,
  }));
  return [...inComments, ...inMembers, ...inGuide];
}

/** What is recorded of `cat notes.txt`. */
function catOfNotes(): Uint8Array {
  const [execve, openat, read] = [59, 257, 0];
  return recording(
    [
      call(1_000_000, execve, [0x1000], [text(0x1000n, "/bin/cat")]),
      { kind: "task", pid: 100, change: { comm: "cat" } },
      returned(2_000_000, execve, 0),
      call(3_000_000, openat, [0xffff_ff9c, 0x1000, 0], [text(0x1000n, "notes.txt")]),
      returned(4_000_000, openat, 3),
      call(5_000_000, read, [3, 0x2000, 128]),
      returned(6_000_000, read, 5),
      { kind: "end", time: 7_000_000 },
    ],
    { ...ENVIRONMENT, command: "sh -c cat notes.txt" },
  );
}

/** `module`: what "bpfkit" is here. */
function writeExamples(folder: string, module: string, object: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  const skeleton = skeletonModule(testObject(), object, { name: "events", module });
  writeFileSync(join(folder, "events.skel.ts"), skeleton);
  for (const { name, code } of examples()) {
    const placed = code
      .replace(/from "bpfkit"/g, `from "${module}"`)
      .replace(/"\.\/events\.skel\.js"/g, '"./events.skel.ts"');
    writeFileSync(join(folder, `${name}.ts`), `${placed}\nexport {};\n`);
  }
}

describe("the documentation", () => {
  it("is current: npm run docs:api writes docs/api.md", () => {
    expect(readFileSync(join(root, "docs", "api.md"), "utf8")).toBe(apiReference(exported));
  });

  it("says of every export what it is", () => {
    const silent = [...exported.values()].filter(({ comment }) => comment === "");
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it("has an example of every function and class", () => {
    const without = [...exported.values()]
      .filter(({ kind }) => kind === "function" || kind === "class")
      .filter(
        ({ name, comment, declaration }) =>
          !`${comment}${declaration}`.includes("@example") && !(name in WITHOUT_EXAMPLE),
      );
    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

describe("examples", () => {
  const all = examples();
  let folder: string;
  const home = process.cwd();

  beforeAll(() => {
    mkdirSync(join(root, ".cache"), { recursive: true });
    folder = mkdtempSync(join(root, ".cache", "examples-"));
    const object = toElf(testObject());
    // What examples load.
    writeFileSync(join(folder, "events.bpf.o"), object);
    writeFileSync(join(folder, "run.rec"), catOfNotes());
    // Once to run, from the sources, and once to compile, from the declarations, which is quicker.
    writeExamples(folder, "../../src/index.ts", object);
    writeExamples(join(folder, "types"), "../../api/index.js", object);
    const compilerOptions = {
      noEmit: true,
      declaration: false,
      isolatedDeclarations: false,
      noUnusedLocals: false,
    };
    writeFileSync(
      join(folder, "types", "tsconfig.json"),
      JSON.stringify({ extends: "../../../tsconfig.json", compilerOptions, include: ["."] }),
    );
    process.chdir(folder);
  });
  afterAll(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    "compile",
    () => {
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      const { stdout } = spawnSync(
        process.execPath,
        [tsc, "-p", join(folder, "types"), "--pretty", "false"],
        {
          encoding: "utf8",
        },
      );
      expect(stdout).toBe("");
    },
    COMPILER,
  );

  it.skipIf(!canLoad).each(all)("$name prints what it says", async ({ name, code }) => {
    const wanted = [...code.matchAll(/^\s*\/\/ prints (.*)$/gm)].map(([, line]) => line);
    expect(wanted.length, "lines that begin with // prints").toBeGreaterThan(0);
    const printed: string[] = [];
    const { log } = console;
    console.log = (...args: unknown[]) => void printed.push(...format(...args).split("\n"));
    try {
      await closesAll(() => import(pathToFileURL(join(folder, `${name}.ts`)).href));
    } finally {
      console.log = log;
    }
    // Long values are printed over several lines.
    expect(printed.join(" ").replace(/\s+/g, " ")).toBe(wanted.join(" ").replace(/\s+/g, " "));
  });
});
