import { readFileSync, writeSync } from "node:fs";
import type { HookPlaces, NetfilterHook, PlacesOf } from "../../attach/index.ts";
import { BpfkitError } from "../../errors.ts";
import type { Kernel } from "../../kernel/index.ts";
import { fromElf, type ObjectSpec } from "../../object/index.ts";
import { openKernel } from "../../open-kernel.ts";
import { RecordOutput, RunReporter, styleFor } from "../../report/index.ts";
import { parseGlobal, RunSession } from "../../run/index.ts";
import { describeObject } from "../../schema/index.ts";
import { parseArguments, usageError, type ParsedArguments } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { explainRejection } from "../explain-rejection.ts";
import { OutputClosedError, OutputFile } from "../output-file.ts";
import { processId } from "../parameters.ts";
import { runOptions } from "../run-options.ts";
import { onStopSignals } from "../stop-signals.ts";

/** Samples a second of perf_event programs: no divisor of the usual timers' rates. */
const FREQUENCY = 49;

/** Which option gives what a section leaves open. */
const OPTION_FOR: Readonly<Record<string, string>> = {
  "a network interface": "--dev INTERFACE",
  "a cgroup": "--cgroup DIRECTORY",
  "a network namespace": "--netns FILE",
  "a netfilter hook": "--netfilter FAMILY:HOOK:PRIORITY",
};

/** `run`: compiles a C program where it is given one, loads and attaches it, and shows what it says. */
export async function run(args: readonly string[], invocation: Invocation): Promise<number> {
  const parsed = parseArguments(args, runOptions, invocation);
  const { options } = parsed;
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const [file, ...others] = parsed.positionals;
  if (file === undefined) throw usageError("Give the program to run: FILE.bpf.o or FILE.bpf.c", invocation);
  if (others[0] !== undefined) throw usageError(`One file at a time: ${others[0]} is too much`, invocation);
  const btf = options.get("btf");
  using kernel = await openKernel(btf === undefined ? {} : { btf });
  const spec = await readProgram(file, parsed.rest, kernel);
  return runObject(spec, parsed, kernel, invocation);
}

async function readProgram(file: string, clang: readonly string[], kernel: Kernel): Promise<ObjectSpec> {
  if (file.endsWith(".c")) {
    const { compileForKernel } = await import("../c-program.ts");
    return fromElf(compileForKernel(file, clang, kernel)).spec;
  }
  const { spec, plan } = fromElf(readInput(file));
  if (!plan) return spec;
  throw new BpfkitError(`${file} was built from a script of the tracing language`, {
    code: "cli/is-script",
    hints: [`Run it with bpfkit trace ${file}`],
  });
}

function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BpfkitError(`Cannot read ${file}: ${reason}`, { code: "cli/input", cause });
  }
}

async function runObject(
  spec: ObjectSpec,
  { options, all }: ParsedArguments,
  kernel: Kernel,
  invocation: Invocation,
): Promise<number> {
  using file = new OutputFile(options.get("output"));
  const output = new RecordOutput(file, "line");
  const pid = processId(options.get("pid"), invocation);
  const command = options.get("cmd");
  const reporter = new RunReporter({
    output,
    message: (line) => void writeSync(2, `${line}\n`),
    style: styleFor({ isTTY: process.stderr.isTTY }, process.env),
    quiet: options.has("quiet"),
    json: options.get("format") === "json",
    optionFor: (open) => (open.startsWith("a target") ? "--attach PROGRAM=TARGET" : OPTION_FOR[open]),
  });
  const pairs = (name: string): (readonly [string, string])[] =>
    (all.get(name) ?? []).map((text) => splitPair(name, text, invocation));
  try {
    using session = new RunSession(spec, {
      kernel,
      reporter,
      globals: globalsOf(spec, pairs("set")),
      events: eventsOf(spec, all.get("event") ?? []),
      mapSizes: Object.fromEntries(pairs("map").map(([name, size]) => [name, Number(size)])),
      programs: Object.fromEntries((all.get("without") ?? []).map((name) => [name, false])),
      places: placesOf(options, new Map(pairs("attach")), invocation),
      ...(pid !== undefined && { pid }),
      ...(command !== undefined && { command }),
    });
    using _signals = onStopSignals(() => session.stop());
    await session.run();
    output.flush();
    return 0;
  } catch (error) {
    if (error instanceof OutputClosedError) return 0;
    throw explainRejection(error, options.has("verbose"));
  }
}

/** `NAME=VALUE`. */
function splitPair(option: string, text: string, invocation: Invocation): readonly [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw usageError(`Option --${option} takes NAME=VALUE, not ${text}`, invocation);
}

function globalsOf(
  spec: ObjectSpec,
  values: readonly (readonly [string, string])[],
): Record<string, unknown> {
  if (values.length === 0) return {};
  const { globals } = describeObject(spec);
  return Object.fromEntries(
    values.map(([name, text]) => {
      const schema = globals.find((global) => global.name === name);
      // Unknown names are the library's to refuse, with those that there are.
      return [name, schema ? parseGlobal(name, schema.shape, text) : text];
    }),
  );
}

/** `TYPE` is for every ring and perf buffer, `MAP=TYPE` for one. */
function eventsOf(spec: ObjectSpec, texts: readonly string[]): Record<string, string> {
  const rings = describeObject(spec).maps.filter(({ kind }) => kind === "ring" || kind === "perf");
  return Object.fromEntries(
    texts.flatMap((text) => {
      const equals = text.indexOf("=");
      return equals < 0
        ? rings.map(({ name }) => [name, text] as const)
        : [[text.slice(0, equals), text.slice(equals + 1)] as const];
    }),
  );
}

function placesOf(
  options: ReadonlyMap<string, string>,
  targets: ReadonlyMap<string, string>,
  invocation: Invocation,
): PlacesOf {
  const device = options.get("dev");
  const cgroup = options.get("cgroup");
  const netns = options.get("netns");
  const mode = options.get("xdp-mode");
  const direction = options.get("direction");
  const netfilter = options.get("netfilter");
  const frequency = Number(options.get("frequency") ?? FREQUENCY);
  if (!(frequency > 0)) throw usageError("Option --frequency takes samples a second", invocation);
  const places: HookPlaces = {
    frequency,
    ...(device !== undefined && { interface: device }),
    ...(cgroup !== undefined && { cgroup }),
    ...(netns !== undefined && { netns }),
    ...((mode === "driver" || mode === "generic" || mode === "offload") && { xdpMode: mode }),
    ...((direction === "ingress" || direction === "egress") && { direction }),
    ...(netfilter !== undefined && { netfilter: netfilterPlace(netfilter, invocation) }),
  };
  return ({ name }) => {
    const target = targets.get(name);
    return target === undefined ? places : { ...places, target };
  };
}

const HOOKS: readonly NetfilterHook[] = ["prerouting", "input", "forward", "output", "postrouting"];

function netfilterPlace(text: string, invocation: Invocation): NonNullable<HookPlaces["netfilter"]> {
  const [family, hookName, priority = "0"] = text.split(":");
  const hook = HOOKS.find((name) => name === hookName);
  if ((family === "ipv4" || family === "ipv6") && hook && /^-?\d+$/.test(priority))
    return { family, hook, priority: Number(priority) };
  throw usageError(`Option --netfilter takes FAMILY:HOOK:PRIORITY as ipv4:input:0, not ${text}`, invocation);
}
