import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runTool } from "../../src/bpftool/index.ts";
import { programCode, programInfo } from "../../src/inspect/index.ts";
import { assemble, encode } from "../../src/isa/index.ts";
import { BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { lasting, openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

async function run(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await runTool(words, {
    openKernel: async () => Promise.resolve(lasting(kernel!)),
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { code, out, err };
}

const TEXT = `
  r6 = 300
  call two
  r6 += r0
  call bpf_ktime_get_ns
  if r0 s> 5 goto more
  r6 = 1
more:
  r0 = r6
  exit
two:
  r0 = 2
  exit
`;

describe.skipIf(kernel === undefined)("dumps of a program", () => {
  const fd = kernel!.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.SOCKET_FILTER,
    insns: encode(assemble(TEXT)),
    license: "GPL",
    prog_name: "dumped",
  });
  const id = String(programInfo(kernel!, fd).id);
  const { jited, jitedSizes } = programCode(kernel!, fd);
  afterAll(() => kernel!.close(fd));

  test.skipIf(jited.length === 0)(
    "machine code, function by function, with names of what is called",
    async () => {
      const { out, code } = await run("prog", "dump", "jited", "id", id);
      expect(code).toBe(0);
      expect([...out.matchAll(/^bpf_prog_[0-9a-f]{16}_\w+:$/gm)]).toHaveLength(2);
      expect(out).toMatch(/<bpf_ktime_get_ns>$/m);
      expect(out).toMatch(/<\+0x[0-9a-f]+>$/m);
      expect(out).toMatch(/<bpf_prog_[0-9a-f]{16}_\w+>$/m);
    },
  );

  test.skipIf(jited.length === 0)("machine code as JSON holds every byte", async () => {
    const { out } = await run("-j", "prog", "dump", "jited", "id", id, "opcodes");
    const functions: { insns: { pc: string; opcodes: string[] }[] }[] = JSON.parse(out);
    const bytes = functions.flatMap(({ insns }) => insns.flatMap(({ opcodes }) => opcodes.map(Number)));
    expect(Buffer.from(bytes)).toEqual(Buffer.from(jited));
    expect(functions).toHaveLength(jitedSizes.length);
  });

  test("bytes alone go into a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bpfkit-dump-"));
    const file = join(folder, "xlated");
    expect((await run("prog", "dump", "xlated", "id", id, "file", file)).code).toBe(0);
    expect(readFileSync(file)).toEqual(Buffer.from(encode(programCode(kernel!, fd).insns)));
    rmSync(folder, { recursive: true });
  });

  test("control flow as a graph", async () => {
    const { out } = await run("prog", "dump", "xlated", "id", id, "visual");
    expect(out).toMatch(/^digraph "DOT graph for eBPF program" \{\nsubgraph "cluster_0" \{/);
    expect(out).toContain('subgraph "cluster_1"');
    // The branch has two ways on: the next instruction and its target.
    expect([...out.matchAll(/fn_0_bb_2:s -> fn_0_bb_[34]:n \[style="solid,bold"/g)]).toHaveLength(2);
    expect(out).toContain(String.raw`if r0 s\> 0x5 goto pc+1\l`);
  });

  test("options that exclude one another are refused", async () => {
    for (const [words, message] of [
      [["prog", "dump", "xlated", "id", id, "file", "/nowhere/x"], "can't open file /nowhere/x"],
      [["prog", "dump", "xlated", "id", id, "file", "/tmp/x", "opcodes"], "not compatible"],
      [["-j", "prog", "dump", "xlated", "id", id, "visual"], "not compatible with JSON"],
      [["prog", "dump", "machine", "id", id], "expected 'xlated' or 'jited'"],
    ] as const) {
      const { out, err, code } = await run(...words);
      expect(code).toBe(255);
      expect(out + err).toContain(message);
    }
  });
});
