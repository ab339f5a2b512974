import { runTool } from "../../bpftool/index.ts";
import { openKernel } from "../../open-kernel.ts";
import type { Invocation } from "../command.ts";
import { onStopSignals } from "../stop-signals.ts";
import { writeAll } from "../write-all.ts";

/** The verbs of bpftool's grammar, and bpftool itself under its own name. */
export async function bpftool(words: readonly string[], invocation: Invocation): Promise<number> {
  // bpftool's own help is for those who started it by its name.
  if (invocation.verb !== "" && words.some((word) => word === "--help" || word === "-h")) {
    writeAll(2, await invocation.help());
    return 0;
  }
  return runTool(words, {
    openKernel: () => openKernel(),
    out: (text) => writeAll(1, text),
    err: (text) => writeAll(2, text),
    stopped: async () => new Promise((resolve) => void onStopSignals(resolve)),
  });
}
