import { writeSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import { kernelName, openKernel } from "../../open-kernel.ts";
import { parseArguments, usageError, type ParsedArguments } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { processId } from "../parameters.ts";
import { recordOptions } from "../record-options.ts";
import type { RecordRequest, RecordResult } from "../record-request.ts";
import { RECORD_VIEWS } from "../record-views.ts";
import { onStopSignals } from "../stop-signals.ts";
import { DisposalStack } from "../../util/index.ts";
import { progressLine } from "../progress.ts";
import { refusalOf } from "../trace-kernel.ts";

/** `record`: keeps the raw events of a command, a process or the whole system in a file. */
export async function record(args: readonly string[], invocation: Invocation): Promise<number> {
  const parsed = parseArguments(args, recordOptions, invocation);
  const { options } = parsed;
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const path = options.get("output");
  const [word = "", file, ...more] = parsed.positionals;
  const view = Object.hasOwn(RECORD_VIEWS, word) ? RECORD_VIEWS[word] : undefined;
  if (view && path === undefined) {
    if (file === undefined || more.length > 0) throw usageError(`record ${word} takes one file`, invocation);
    view(file, parsed, invocation);
    return 0;
  }
  if (path === undefined) throw usageError("Nowhere to record to: give -o FILE", invocation);
  const command = commandLine(parsed);
  const pid = processId(options.get("pid"), invocation);
  const all = options.has("all");
  if ([command !== undefined, pid !== undefined, all].filter(Boolean).length !== 1)
    throw usageError(
      "Give one of a command (-c COMMAND), a process (-p PID), all there are (-a)",
      invocation,
    );
  const stop = new AbortController();
  const resources = new DisposalStack();
  using _resources = resources;
  using _signals = onStopSignals(() => stop.abort());
  const quiet = options.has("quiet");
  const say = quiet ? (): void => undefined : message;
  const request: RecordRequest = {
    path,
    command,
    pid,
    probes: options.get("event"),
    stop: stop.signal,
    began(written) {
      say(command === undefined ? "Recording, until Ctrl-C" : "Recording");
      // A command has the terminal for itself.
      if (!quiet && command === undefined)
        resources.use(progressLine(() => `${written.events} events, ${written.bytes} bytes`));
    },
  };
  const { events, bytes, lost, remarks = [] } = await run(request, parsed, invocation, say);
  resources[Symbol.dispose]();
  remarks.forEach(say);
  say(`Recorded ${events} events in ${bytes} bytes: ${path}`);
  if (lost > 0n) say(`${lost} events were lost: give more room with --ring`);
  return 0;
}

/** On the running kernel, or, where that refuses programs, on the embedded one. */
async function run(
  request: RecordRequest,
  parsed: ParsedArguments,
  invocation: Invocation,
  say: (line: string) => void,
): Promise<RecordResult> {
  const choice = parsed.options.get("kernel") ?? (process.env["BPFKIT_KERNEL"] || undefined);
  if (choice !== undefined && kernelName(choice) === "embedded") return embedded(request, parsed, invocation);
  using kernel = await openKernel({ kernel: "linux" });
  const refusal = choice === undefined ? refusalOf(kernel) : undefined;
  if (refusal === undefined) {
    const { recordKernel } = await import("../record-kernel.ts");
    return recordKernel(request, kernel, parsed, invocation);
  }
  say(`bpf(2) is refused here (${refusal}): recording under ptrace`);
  return embedded(request, parsed, invocation);
}

async function embedded(
  request: RecordRequest,
  parsed: ParsedArguments,
  invocation: Invocation,
): Promise<RecordResult> {
  if (request.command === undefined && request.pid === undefined)
    throw new BpfkitError("The whole system can be recorded by the running kernel alone", {
      code: "record/all",
      hints: ["Run as root, or with CAP_BPF and CAP_PERFMON", "Or record a command or a process"],
    });
  const { recordEmbedded } = await import("../record-embedded.ts");
  return recordEmbedded(request, parsed, invocation);
}

/** `-c COMMAND`, or the words behind the options. */
function commandLine({ options, positionals, rest }: ParsedArguments): string | undefined {
  const words = [...positionals, ...rest];
  if (words.length === 0) return options.get("cmd");
  return words.map((word) => (word === "" ? "''" : word.replace(/[\s"'\\]/g, String.raw`\$&`))).join(" ");
}

function message(line: string): void {
  writeSync(2, `${line}\n`);
}
