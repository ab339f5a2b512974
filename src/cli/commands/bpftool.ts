import { runTool } from "../../bpftool/index.ts";
import { kernelName, openKernel } from "../../open-kernel.ts";
import type { KernelName } from "../../open-kernel.ts";
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
  const { kernel, rest } = takeKernel(words);
  return runTool(rest, {
    openKernel: () => openKernel({ kernel }),
    out: (text) => writeAll(1, text),
    err: (text) => writeAll(2, text),
    stopped: async () => new Promise((resolve) => void onStopSignals(resolve)),
  });
}

/** `--kernel NAME`, which bpftool does not have, from wherever it stands. */
function takeKernel(words: readonly string[]): {
  readonly kernel: KernelName | undefined;
  readonly rest: readonly string[];
} {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const at = words.findIndex((word, index) => index < end && /^--kernel(=|$)/.test(word));
  if (at < 0) return { kernel: undefined, rest: words };
  const [, inline] = words[at]!.split("=", 2);
  const name = inline ?? words[at + 1];
  const rest = words.toSpliced(at, inline === undefined ? 2 : 1);
  return { kernel: kernelName(name ?? ""), rest };
}
