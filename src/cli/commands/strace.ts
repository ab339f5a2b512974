import { writeSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import type { Kernel } from "../../kernel/index.ts";
import { openKernel, openProcessTracer } from "../../open-kernel.ts";
import {
  CallExplainer,
  CALLS,
  CallSummary,
  callFilters,
  eventJson,
  KernelObjects,
  LineWriter,
  StraceSession,
} from "../../strace/index.ts";
import type { CallName, LineOptions } from "../../strace/index.ts";
import { findProgram } from "../../util/index.ts";
import { parseArguments, splitCommandLine, usageError, type ParsedArguments } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { OutputFile } from "../output-file.ts";
import { processId } from "../parameters.ts";
import { straceOptions } from "../options.ts";

const DEFAULT_STRING_LIMIT = 32;
/** 128 + N is how shells tell that signal N ended a command. */
const SIGNALLED = 128;

/** `strace`: shows the bpf(2) calls of a command or a process. */
export async function strace(args: readonly string[], invocation: Invocation): Promise<number> {
  const { own, command } = splitCommandLine(args, straceOptions);
  const parsed = parseArguments(own, straceOptions, invocation);
  const { options } = parsed;
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const pid = processId(options.get("pid"), invocation);
  if (pid === undefined && command.length === 0)
    throw usageError("Nothing to trace: give a command, or a process with -p PID", invocation);
  if (pid !== undefined && command.length > 0)
    throw usageError("Give a command or -p PID, not both", invocation);

  const names = callNames(options.get("trace"), invocation);
  const follow = options.has("follow-forks");
  using file = options.has("output") ? new OutputFile(options.get("output")) : undefined;
  const write = (text: string): void => {
    if (file) file.write(Buffer.from(text, "latin1"));
    else writeSync(2, text);
  };
  using tracer = await openProcessTracer({ follow, calls: callFilters(names, process.arch) });
  const session = new StraceSession(tracer, names, {
    verbose: options.has("verbose"),
    stringLimit: numberOption(options.get("string-limit"), DEFAULT_STRING_LIMIT, invocation),
    descriptors: options.has("decode-fds"),
  });
  const lines = new LineWriter(lineOptions(parsed, follow), write);
  using kernel = options.has("explain") ? await kernelIfAny() : undefined;
  const explainer = options.has("explain") ? new CallExplainer(new KernelObjects(kernel)) : undefined;
  const json = options.get("format") === "json";
  const summary = options.has("summary-only") ? new CallSummary() : undefined;
  using _signals = onSignals(pid === undefined, () => session.stop());
  const main = pid ?? tracer.start(commandOf(command));
  if (pid !== undefined) tracer.attach(pid);
  lines.begin();
  const end = await session.run((event) => {
    if (summary) {
      if (event.kind === "exit") summary.add(event.call);
      return;
    }
    if (event.kind === "entry") explainer?.entry(event.call);
    const explanation = event.kind === "exit" ? explainer?.exit(event.call) : undefined;
    if (json) {
      const object = eventJson(event, explanation);
      if (object !== undefined) write(`${JSON.stringify(object)}\n`);
    } else lines.event(event, explanation);
    if (event.kind === "attached" && !file && !json) write(`bpfkit: Process ${event.pid} attached\n`);
  }, main);
  if (summary) write(summary.text());
  return end.code ?? (end.signal === undefined ? 0 : SIGNALLED + end.signal);
}

/** Names and types of objects come from the kernel, to whoever may ask it; the rest is explained without. */
async function kernelIfAny(): Promise<Kernel | undefined> {
  try {
    return await openKernel();
  } catch (error) {
    if (error instanceof BpfkitError) return undefined;
    throw error;
  }
}

function lineOptions({ options }: ParsedArguments, follow: boolean): LineOptions {
  const toFile = options.has("output");
  const time = options.get("timestamps");
  return {
    pidColumn: follow && toFile,
    pidWhenSeveral: !toFile,
    time: time === "s" ? "seconds" : time === "us" ? "microseconds" : time === "unix" ? "epoch" : "none",
    duration: options.has("syscall-times"),
    descriptors: options.has("decode-fds"),
  };
}

/** `-e bpf`, `-e trace=bpf,ioctl` */
function callNames(expression: string | undefined, invocation: Invocation): ReadonlySet<CallName> {
  const all = CALLS.map(({ name }) => name);
  if (expression === undefined) return new Set(all);
  const words = expression.replace(/^trace=/, "").split(",");
  return new Set(
    words.map((word) => {
      const found = all.find((name) => name === word);
      if (found === undefined)
        throw usageError(
          `Option -e takes some of ${all.join(", ")}, not ${JSON.stringify(word)}`,
          invocation,
        );
      return found;
    }),
  );
}

function numberOption(text: string | undefined, otherwise: number, invocation: Invocation): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw usageError(`Option -s takes a number of bytes, not ${text}`, invocation);
  return Number(text);
}

function commandOf([name = "", ...args]: readonly string[]): {
  readonly path: string;
  readonly args: readonly string[];
} {
  const path = findProgram(name);
  if (path === undefined)
    throw new BpfkitError(`Cannot run ${JSON.stringify(name)}: no such program`, {
      code: "strace/no-command",
      hints: ["Give a path or a program on PATH"],
    });
  return { path, args };
}

/**
 * A started command decides for itself what an interrupt means: the terminal sent it to both. SIGTERM and SIGHUP end
 * the session, and with it what it started.
 */
function onSignals(started: boolean, stop: () => void): Disposable {
  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ["SIGINT", started ? ignore : stop],
    ["SIGQUIT", started ? ignore : stop],
    ["SIGTERM", stop],
    ["SIGHUP", stop],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
}

function ignore(): void {
  // The command has its own answer.
}
