import { writeSync } from "node:fs";
import { runTool } from "../../bpftool/index.ts";
import { openKernel } from "../../open-kernel.ts";
import type { Invocation } from "../command.ts";
import { onStopSignals } from "../stop-signals.ts";

/** The verbs of bpftool's grammar, and bpftool itself under its own name. */
export async function bpftool(words: readonly string[], invocation: Invocation): Promise<number> {
  // bpftool's own help is for those who started it by its name.
  if (invocation.verb !== "" && words.some((word) => word === "--help" || word === "-h")) {
    write(2, await invocation.help());
    return 0;
  }
  return runTool(words, {
    openKernel: () => openKernel(),
    out: (text) => write(1, text),
    err: (text) => write(2, text),
    stopped: async () => new Promise((resolve) => void onStopSignals(resolve)),
  });
}

/** A pipe may take less than all of it at once. */
function write(fd: number, text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
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
