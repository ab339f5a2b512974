import { writeSync } from "node:fs";
import { runTool } from "../../bpftool/index.ts";
import { openKernel } from "../../open-kernel.ts";
import type { Invocation } from "../command.ts";

/** The verbs of bpftool's grammar, and bpftool itself under its own name. */
export async function bpftool(words: readonly string[], invocation: Invocation): Promise<number> {
  if (words.includes("--help") || words.includes("-h") || words.at(-1) === "help") {
    write(2, await invocation.help());
    return 0;
  }
  return runTool(words, {
    openKernel: () => openKernel(),
    out: (text) => write(1, text),
    err: (text) => write(2, text),
  });
}

/** A pipe may take less than all of it at once. */
function write(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
    }
  }
}
