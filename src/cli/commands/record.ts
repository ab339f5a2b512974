import { once } from "node:events";
import { writeSync } from "node:fs";
import { Features } from "../../loader/index.ts";
import type { Reporter } from "../../report/index.ts";
import { commandOf, TraceSession } from "../../trace/index.ts";
import { parseArguments, usageError, type ParsedArguments } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { processId } from "../parameters.ts";
import { recordOptions } from "../record-options.ts";
import { onStopSignals } from "../stop-signals.ts";
import { recorder } from "../recording-kernel.ts";
import type { TraceKernel } from "../trace-kernel.ts";

/** `record`: keeps the raw events of a command or a process in a file. */
export async function record(args: readonly string[], invocation: Invocation): Promise<number> {
  const parsed = parseArguments(args, recordOptions, invocation);
  const { options } = parsed;
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const path = options.get("output");
  if (path === undefined) throw usageError("Nowhere to record to: give -o FILE", invocation);
  const command = commandLine(parsed);
  const pid = processId(options.get("pid"), invocation);
  if ((command === undefined) === (pid === undefined))
    throw usageError("Nothing to record: give a command (-c COMMAND) or a process (-p PID)", invocation);
  const probes = options.get("event");
  using opened = await recorder(path, parsed, probes === undefined ? "all" : "processes", invocation);
  if (probes === undefined) await recordAll(opened, command, pid);
  else await recordProbes(opened, probes, command, pid);
  if (!options.has("quiet")) for (const remark of opened.remarks?.() ?? []) writeSync(2, `${remark}\n`);
  return 0;
}

/** `-c COMMAND`, or the words behind the options. */
function commandLine({ options, positionals, rest }: ParsedArguments): string | undefined {
  const words = [...positionals, ...rest];
  if (words.length === 0) return options.get("cmd");
  return words.map((word) => (word === "" ? "''" : word.replace(/[\s"'\\]/g, String.raw`\$&`))).join(" ");
}

async function recordAll(
  { processes }: TraceKernel,
  command: string | undefined,
  pid: number | undefined,
): Promise<void> {
  const followed =
    pid === undefined ? processes?.startCommand(commandOf(command ?? "")) : processes?.follow(pid);
  const stop = new AbortController();
  using _signals = onStopSignals(() => stop.abort());
  processes?.go();
  await Promise.race([followed?.ended, once(stop.signal, "abort")]);
}

/** Probes without actions: their events are what is wanted. */
async function recordProbes(
  { kernel, processes }: TraceKernel,
  probes: string,
  command: string | undefined,
  pid: number | undefined,
): Promise<void> {
  const features = new Features(kernel);
  const { compileHere } = await import("../script.ts");
  const { object, plan } = compileHere({
    source: { name: "-e", text: `${probes} {}` },
    kernel,
    features,
    positional: [],
    named: {},
    unsafe: false,
    warnings: false,
    child: command !== undefined,
    pid,
    printIr: false,
  });
  const session = new TraceSession(object, plan, {
    kernel,
    features,
    reporter: () => SILENT,
    ...(processes && { processes }),
    ...(pid !== undefined && { pid }),
    ...(command !== undefined && { command }),
  });
  using _signals = onStopSignals(() => session.stop());
  await session.run();
}

const SILENT: Reporter = {
  encoding: "latin1",
  handler: () => () => undefined,
  map: () => undefined,
  value: () => undefined,
  content: () => undefined,
  attached: () => undefined,
  lost: () => undefined,
  missed: () => undefined,
  diagnostic: () => undefined,
  end: () => undefined,
};
