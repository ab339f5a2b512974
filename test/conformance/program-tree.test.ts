import { afterAll, describe, expect, test } from "vitest";
import { runTool } from "../../src/bpftool/index.ts";
import { assemble, encode } from "../../src/isa/index.ts";
import { programInfo } from "../../src/inspect/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { lasting, openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

async function run(...words: readonly string[]): Promise<string> {
  let out = "";
  const code = await runTool(words, {
    openKernel: async () => Promise.resolve(lasting(kernel!)),
    out: (text) => (out += text),
    err: () => {},
  });
  expect(code).toBe(0);
  return out;
}

describe.skipIf(kernel === undefined)("prog show --tree", () => {
  const map = kernel!.bpf("MAP_CREATE", {
    map_type: BPF_MAP_TYPE.ARRAY,
    key_size: 4,
    value_size: 8,
    max_entries: 3,
    map_name: "tree_map",
  });
  const load = (name: string) =>
    kernel!.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.SOCKET_FILTER,
      insns: encode(assemble(`r1 = map[fd:${map}]\nr0 = 0\nexit`)),
      license: "GPL",
      prog_name: name,
    });
  const fds = [load("tree_one"), load("tree_two")];
  const [one, two] = fds.map((fd) => programInfo(kernel!, fd).id);
  afterAll(() => [...fds, map].forEach((fd) => kernel!.close(fd)));

  test("draws maps, who shares them, and who holds what", async () => {
    const lines = (await run("prog", "show", "id", String(one), "--tree")).split("\n");
    expect(lines[0]).toMatch(new RegExp(`^prog ${one}  socket_filter  name tree_one  tag `));
    expect(lines[1]).toMatch(/^├─ map \d+ {2}array {2}name tree_map {2}key 4B {2}value 8B {2}max_entries 3$/);
    expect(lines[2]).toMatch(new RegExp(`^│  ├─ also used by prog .*\\b${two}\\b`));
    expect(lines.slice(3).filter((line) => line.endsWith(`(${process.pid})`))).toHaveLength(2);
    expect(lines.at(-2)).toMatch(/^└─ held by /);
  });

  test("gives the same as data", async () => {
    const [tree] = JSON.parse(await run("-j", "prog", "show", "id", String(one), "--tree"));
    expect(tree).toMatchObject({
      id: one,
      name: "tree_one",
      maps: [{ name: "tree_map", also_used_by: expect.arrayContaining([two]) }],
      links: [],
    });
  });
});
