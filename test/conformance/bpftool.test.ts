import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runTool } from "../../src/bpftool/index.ts";
import { call, exit, loadMap, moveImmediate } from "../../src/isa/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import type { LoadedObject } from "../../src/loader/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { lasting, openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runTool(words, {
    openKernel: async () => Promise.resolve(lasting(kernel!)),
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { code, out, err };
}

describe.skipIf(kernel === undefined)("bpftool's command lines", () => {
  let host: Kernel;
  let loaded: LoadedObject;
  const name = `seen${process.pid % 10_000}`;
  beforeAll(() => {
    host = kernel!;
    loaded = loadObject(
      {
        license: "GPL",
        maps: [{ name, type: BPF_MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 }],
        programs: [
          {
            name,
            section: "socket",
            type: BPF_PROG_TYPE.SOCKET_FILTER,
            insns: [...loadMap(1, 0), call(BPF_FUNC.ktime_get_ns), moveImmediate(0, 5), exit()],
            relocations: [{ kind: "map", insn: 0, map: name }],
            functions: [],
            lines: [],
          },
        ],
      },
      { kernel: host },
    );
  });
  afterAll(() => {
    loaded[Symbol.dispose]();
    host[Symbol.dispose]();
  });

  test("keywords may be shortened", async () => {
    const { out, code } = await run("-j", "p", "s", "n", name);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ name, type: "socket_filter", gpl_compatible: true });
  });

  test("maps are changed, looked up and dumped", async () => {
    expect(
      (
        await run(
          "map",
          "update",
          "name",
          name,
          "key",
          "1",
          "0",
          "0",
          "0",
          "value",
          "hex",
          "de",
          "ad",
          "0",
          "0",
        )
      ).code,
    ).toBe(0);
    expect((await run("map", "dump", "name", name)).out).toBe(
      "key: 01 00 00 00  value: de ad 00 00\nFound 1 element\n",
    );
    const missing = await run("map", "lookup", "name", name, "key", "9", "0", "0", "0");
    expect(missing).toMatchObject({ code: 254, out: "key:\n09 00 00 00\n\nNot found\n" });
    expect((await run("map", "update", "name", name, "key", "300", "0", "0", "0")).err).toContain("300");
  });

  test("instructions are dumped with the map's id", async () => {
    const { out } = await run("prog", "dump", "xlated", "name", name);
    expect(out).toMatch(/^ {3}0: \(18\) r1 = map\[id:\d+\]\n {3}2: \(85\) call /);
    expect(out.endsWith("   4: (95) exit\n")).toBe(true);
  });

  test.each([
    ["an unknown object", ["bogus"], "can't find object: bogus"],
    ["an unknown command", ["prog", "bogus"], "can't find command: prog bogus"],
    [
      "an unknown id",
      ["prog", "show", "id", "4000000000"],
      "get by id (4000000000): No such file or directory",
    ],
    ["a name that nothing has", ["map", "show", "name", "no_such_map"], "no map with name"],
    ["too much", ["map", "show", "name", name, "more"], "unexpected argument: more"],
  ])("%s is one error with exit code 255", async (_what, words, message) => {
    const { code, out, err } = await run(...words);
    expect({ code, out }).toEqual({ code: 255, out: "" });
    expect(err).toContain(`Error: ${message}`);
    expect(JSON.parse((await run("-j", ...words)).out)).toHaveProperty("error");
  });
});
