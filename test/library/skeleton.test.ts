import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { array, assert, nat, property, tuple } from "fast-check";
import { BpfkitError } from "../../src/errors.ts";
import { testObject } from "../../src/library/test-object.test-util.ts";
import { fromElf, toElf } from "../../src/object/index.ts";
import { skeletonModule, subskeletonModule } from "../../src/skeleton/index.ts";
import { probeObject, type ProbeVersion } from "./probe-object.ts";

const root = join(import.meta.dirname, "..", "..");
/** What skeletons import from, as their files lie below. */
const module = "../../src/index.ts";

/** Milliseconds that a compiler may take on a machine that does much else. */
const COMPILER = 120_000;

let folder: string;
beforeAll(() => {
  mkdirSync(join(root, ".cache"), { recursive: true });
  folder = mkdtempSync(join(root, ".cache", "skeletons-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, version: ProbeVersion): void {
  const spec = probeObject(version);
  writeFileSync(join(folder, name), skeletonModule(spec, new Uint8Array(200), { name: "probe", module }));
}

/** Diagnostics by file. */
async function compile(files: Readonly<Record<string, string>>): Promise<Record<string, string[]>> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: { noEmit: true, rootDir: root },
      include: ["."],
    }),
  );
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const output = await promisify(execFile)(process.execPath, [tsc, "-p", folder, "--pretty", "false"]).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
  const found: Record<string, string[]> = {};
  for (const [, file = "", message = ""] of output.matchAll(/([\w.-]+\.ts)\(\d+,\d+\): error \w+: (.*)/g))
    (found[file] ??= []).push(message);
  if (output !== "" && Object.keys(found).length === 0)
    throw new Error(`The compiler itself failed: ${output}`);
  return found;
}

const user = (skeleton: string): string => `
import { load, State } from "./${skeleton}";
export async function total(): Promise<number> {
  await using probe = await load({ globals: { limit: 3 }, maps: { counts: { maxEntries: 9 } }, programs: { send: true } });
  let sum: number = probe.globals.limit;
  for await (const event of probe.maps.events) sum += event.pid + event.comm.length;
  for (const [place, count] of probe.maps.counts) sum += place.row + Number(count satisfies bigint);
  probe.maps.counts.set({ row: 1 }, 5);
  probe.globals.busy = State.BUSY;
  const cpus: bigint[] | undefined = probe.maps.cpus.get(0);
  return sum + probe.programs.send.testRun().result + (cpus?.length ?? 0);
}
`;

describe("a skeleton", () => {
  it(
    "fails the build where a C type that is used was changed",
    async () => {
      write("same.skel.ts", {});
      write("member.skel.ts", { pid: "tgid" });
      write("wider.skel.ts", { wide: true });
      write("renamed.skel.ts", { program: "transmit" });
      write("enumerator.skel.ts", { busy: "ACTIVE" });
      write("odd.skel.ts", { odd: true });
      writeFileSync(
        join(folder, "part.skel.ts"),
        subskeletonModule(probeObject({}), { name: "part", module }),
      );
      const found = await compile({
        "same.ts": user("same.skel.ts"),
        "member.ts": user("member.skel.ts"),
        "wider.ts": user("wider.skel.ts"),
        "renamed.ts": user("renamed.skel.ts"),
        "enumerator.ts": user("enumerator.skel.ts"),
        "odd.ts": `
        import { load } from "./odd.skel.ts";
        const object = await load();
        export const odd: [number, number] = [object.maps.counts.get({ "a b": 1 }) ? 1 : 0, object.globals["class"]];
      `,
        "part.ts": `
        import { of } from "./part.skel.ts";
        import { load } from "./same.skel.ts";
        export const busy: number = of(await load()).globals.busy;
      `,
      });
      expect(found).toEqual({
        "member.ts": ["Property 'pid' does not exist on type 'Event'."],
        "wider.ts": [
          expect.stringMatching(/^Operator '\+' cannot be applied to types 'bigint' and 'number'/),
        ],
        "renamed.ts": [
          expect.stringContaining("'send' does not exist in type"),
          "Property 'send' does not exist on type 'Programs'.",
        ],
        "enumerator.ts": [expect.stringContaining("Property 'BUSY' does not exist")],
      });
    },
    COMPILER,
  );

  it("of a damaged object is a typed error, or a module that compiles as text", () => {
    const object = toElf(testObject());
    expect(skeletonModule(fromElf(object).spec, object, { name: "test" })).toContain("EventMap<Event>");
    assert(
      property(array(tuple(nat(object.length - 1), nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = object.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const text = skeletonModule(fromElf(bytes).spec, bytes, { name: "test" });
          expect(text).toMatch(/^\/\/ Made by/);
        } catch (error) {
          if (!(error instanceof BpfkitError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it("depends on the object alone", () => {
    const [text, again] = [0, 1].map(() =>
      skeletonModule(probeObject({}), Uint8Array.of(1, 2, 3), { name: "probe" }),
    );
    expect(again).toBe(text);
    expect(text).toMatchSnapshot();
  });
});
