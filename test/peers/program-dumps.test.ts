import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runTool } from "../../src/bpftool/index.ts";
import { programCode, programInfo } from "../../src/inspect/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { openTestKernel } from "../conformance/test-kernel.ts";
import { loadPrograms } from "./machine-programs.ts";

const peers = process.env["BPFKIT_PEERS"];
const bpftool = peers === undefined ? undefined : join(peers, "bin", "bpftool");

async function ours(words: readonly string[]): Promise<string> {
  let text = "";
  await runTool(words, {
    openKernel: () => openKernel(),
    out: (part) => (text += part),
    err: (part) => (text += part),
  });
  return text;
}

test("dumps of instructions are bpftool's, as text, JSON and graph", async (context) => {
  if (bpftool === undefined || !existsSync(bpftool))
    return context.skip("BPFKIT_PEERS names no folder with bin/bpftool to compare with");
  using kernel = await openTestKernel();
  if (!kernel) return context.skip("no bpf(2)");
  // Each tool reads the kernel's symbols anew each time: not every program in every form.
  const { loaded } = loadPrograms(kernel, 2);
  for (const [index, { title, fd }] of loaded.entries()) {
    if (index % 3 !== 0) {
      kernel.close(fd);
      continue;
    }
    const dump = ["prog", "dump", "xlated", "id", String(programInfo(kernel, fd).id)];
    // bpftool's graphs show the first function's lines in every function.
    const graphs = programCode(kernel, fd).jitedSizes.length > 1 ? [] : [[...dump, "visual", "opcodes"]];
    for (const words of [[...dump, "opcodes"], ["-j", ...dump, "opcodes", "linum"], ...graphs]) {
      const theirs = spawnSync(bpftool, words, { encoding: "utf8", maxBuffer: 1 << 26 }).stdout;
      expect(await ours(words), `${title}: ${words.join(" ")}`).toBe(theirs);
    }
    kernel.close(fd);
  }
}, 120_000);
