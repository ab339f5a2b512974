import { readFileSync, statSync, writeSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import { Features } from "../../loader/index.ts";
import {
  JsonReporter,
  RecordOutput,
  TextReporter,
  type Buffering,
  type Reporter,
} from "../../report/index.ts";
import { TraceSession, type SystemResolver } from "../../trace/index.ts";
import { parseArguments, usageError, type ParsedArguments } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { explain } from "../explain.ts";
import { traceOptions } from "../options.ts";
import { OutputClosedError, OutputFile } from "../output-file.ts";
import { firstLine, namedParameters, processId, unwantedFeatures } from "../parameters.ts";
import { progressLine } from "../progress.ts";
import type { Runnable } from "../script.ts";
import { errorStyle } from "../style.ts";
import { onStopSignals } from "../stop-signals.ts";
import { openTraceKernel, type TraceKernel } from "../trace-kernel.ts";

const NOTICED_MILLISECONDS = 50;

/** `trace`: compiles (or reads) what is to run, and runs it until its end. */
export async function trace(args: readonly string[], invocation: Invocation): Promise<number> {
  const parsed = parseArguments(args, traceOptions, invocation);
  const { options } = parsed;
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  if (options.has("version")) return showVersion();
  if (options.has("fmt")) {
    const { formattedScript } = await import("../formatted-script.ts");
    const { name, bytes } = inputOf(parsed, invocation);
    writeSync(1, formattedScript(name, bytes.toString("utf8")));
    return 0;
  }
  const btf = options.get("btf") ?? process.env["BPFTRACE_BTF"];
  using opened = await kernelOf(parsed, btf, invocation);
  const { kernel } = opened;
  if (options.has("info")) {
    const { kernelInfo, kernelInfoText } = await import("../kernel-info.ts");
    const info = kernelInfo(kernel, new Features(kernel));
    writeSync(1, options.get("format") === "json" ? `${JSON.stringify(info)}\n` : kernelInfoText(info));
    return 0;
  }
  const features = new Features(kernel, undefined, unwantedFeatures(options.get("no-feature"), invocation));
  if (options.has("list")) {
    if (options.has("execute") || isFile(parsed.positionals[0])) {
      const { plan } = await runnableOf(parsed, opened, features, invocation);
      writeSync(1, plan.probes.map(({ name }) => `${name}\n`).join(""));
      return 0;
    }
    const { listProbes } = await import("../probe-list.ts");
    return listProbes(kernel, parsed.positionals[0], options.has("verbose"));
  }
  const runnable = await runnableOf(parsed, opened, features, invocation);
  const stage = options.get("debug");
  if (stage !== undefined && stage !== "verifier") {
    const { printStage } = await import("../stages.ts");
    writeSync(1, printStage(stage, runnable));
    return 0;
  }
  return await run(runnable, parsed, opened, features, invocation);
}

/** The kernel that the script is to run on, or the recording. */
async function kernelOf(
  parsed: ParsedArguments,
  btf: string | undefined,
  invocation: Invocation,
): Promise<TraceKernel> {
  const { options } = parsed;
  const [replay, record] = [options.get("replay"), options.get("record")];
  if (options.has("at") && replay === undefined)
    throw usageError("Option --at goes with --replay", invocation);
  if (replay === undefined && record === undefined) return openTraceKernel(parsed, btf);
  const { recordedKernel, recordedRun } = await import("../recording-kernel.ts");
  return replay === undefined
    ? recordedRun(record ?? "", parsed, btf, invocation)
    : recordedKernel(replay, parsed, invocation);
}

/** What is named or written on the command line. */
function inputOf(
  { options, positionals }: Pick<ParsedArguments, "options" | "positionals">,
  invocation: Invocation,
): { readonly name: string; readonly bytes: Buffer; readonly fromFile: boolean } {
  const program = options.get("execute");
  if (program !== undefined)
    return { name: sourceName(invocation), bytes: Buffer.from(program, "utf8"), fromFile: false };
  const [file] = positionals;
  if (file === undefined) throw usageError("Nothing to run: give a file or -e PROGRAM", invocation);
  return { name: file === "-" ? "stdin" : file, bytes: readInput(file), fromFile: true };
}

/** The script or object named on the command line, ready to be loaded. */
async function runnableOf(
  { options, all, positionals, rest }: ParsedArguments,
  { kernel, processes }: TraceKernel,
  features: Features,
  invocation: Invocation,
): Promise<Runnable> {
  const { name, bytes, fromFile } = inputOf({ options, positionals }, invocation);
  if (fromFile && firstLine(bytes).startsWith("\x7fELF")) {
    const { readObject } = await import("../built-object.ts");
    return readObject(bytes, name);
  }
  const { compileHere } = await import("../script.ts");
  return compileHere({
    source: { name, text: bytes.toString("utf8") },
    kernel,
    features,
    positional: [
      ...(fromFile ? positionals.slice(1) : positionals),
      ...rest.filter((word) => !word.startsWith("--")),
    ],
    named: namedParameters(rest),
    unsafe: options.has("unsafe"),
    warnings: !options.has("no-warnings"),
    child: options.has("cmd") || processes?.recorded?.started === true,
    pid: processId(options.get("pid"), invocation),
    printIr: options.get("debug") === "ir",
    includeFolders: all.get("include-dir") ?? [],
    headers: all.get("include") ?? [],
    countFailedReads: options.has("warnings"),
  });
}

async function run(
  { object, plan }: Runnable,
  { options }: ParsedArguments,
  { kernel, processes, attached, remarks, replayed, progress }: TraceKernel,
  features: Features,
  invocation: Invocation,
): Promise<number> {
  using file = new OutputFile(options.get("output"));
  const output = new RecordOutput(file, bufferingOf(options.get("buffering")));
  const pid = processId(options.get("pid"), invocation);
  const command = options.get("cmd");
  const quiet = options.has("quiet");
  const verbose = options.has("verbose");
  const reporter = (resolver: SystemResolver): Reporter => {
    const noWarnings = options.has("no-warnings");
    const reporterOptions = { output, message, style: errorStyle, resolver, quiet, noWarnings };
    return options.get("format") === "json"
      ? new JsonReporter(reporterOptions)
      : new TextReporter(reporterOptions);
  };
  try {
    const session = new TraceSession(object, plan, {
      kernel,
      features,
      reporter,
      idle: replayed ? seldom(() => output.idle()) : () => output.idle(),
      unsafe: options.has("unsafe"),
      still: options.has("at"),
      dryRun: options.has("dry-run"),
      logLevel: options.get("debug") === "verifier" ? 1 : 0,
      ...(processes && { processes }),
      ...(pid !== undefined && { pid }),
      ...(command !== undefined && { command }),
      attached: ({ programs }, followed) => {
        attached?.(plan, followed);
        if (options.get("debug") === "verifier") for (const { log } of programs.values()) writeSync(1, log);
        // The test suites of other tools wait for this line.
        if (process.env["__BPFTRACE_NOTIFY_PROBES_ATTACHED"])
          writeSync(1, "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n");
      },
    });
    using _signals = onStopSignals(() => session.stop());
    // On the same terminal it would be in the way of the output.
    const silent = quiet || !progress || process.stdout.isTTY;
    using _progress = silent ? undefined : progressLine(progress);
    const { code } = await session.run();
    output.flush();
    // Asked even if it is not said: a recorder ends here.
    const said = remarks?.() ?? [];
    if (!quiet) said.forEach(message);
    return code;
  } catch (error) {
    if (error instanceof OutputClosedError) return 0;
    throw explain(error, plan, verbose);
  }
}

/** As often as somebody who looks at it would notice. */
function seldom(action: () => void): () => void {
  let last = 0;
  return () => {
    const now = performance.now();
    if (now - last < NOTICED_MILLISECONDS) return;
    last = now;
    action();
  };
}

function bufferingOf(mode: string | undefined): Buffering {
  return mode === "full" || mode === "none" ? mode : "line";
}

/** bpftrace calls the program of -e `stdin`. */
function sourceName({ program }: Invocation): string {
  return program === "bpftrace" ? "stdin" : "-e";
}

/** Patterns of probes have colons and stars, which files hardly do. */
function isFile(path: string | undefined): boolean {
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path === "-" ? 0 : path);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = missing ? "no such file" : cause instanceof Error ? cause.message : String(cause);
    throw new BpfkitError(`Cannot read ${path}: ${reason}`, {
      code: "cli/input",
      hints: missing ? ["A program on the command line goes behind -e"] : [],
      cause,
    });
  }
}

function message(line: string): void {
  writeSync(2, `${line}\n`);
}

async function showVersion(): Promise<number> {
  const { version } = await import("../version.ts");
  writeSync(1, `bpfkit ${version()}\n`);
  return 0;
}
