import { execFile } from "node:child_process";
import { createReadStream, rmSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Kernel } from "../src/kernel/index.ts";
import { BPF_STATS } from "../src/uapi/index.ts";
import { listPrograms, newPrograms } from "./programs.ts";
import { Tracer, withTracer, type Tool, type Usage } from "./tracer.ts";

/** A measurement that a tool could not give, and why. */
export interface Failure {
  readonly failed: string;
}

export interface StartResult {
  readonly attached: Usage;
  readonly end: Usage;
}

export interface SizeResult {
  /** Instructions as loaded, all programs of the script. */
  readonly insns: number;
  readonly programs: number;
}

export interface CostResult {
  /** Nanoseconds in BPF programs for each event, one number a slice; the same slice has the same events for every tool. */
  readonly times: readonly number[];
  readonly events: number;
}

/** Seconds to print the kernel's types. */
export interface CommandResult {
  readonly wall: number;
  readonly cpu: number;
}

export interface OutputResult {
  readonly events: number;
  readonly delivered: number;
  readonly lost: number;
  /** Delivered events a second, from the first event until the file grows no more. */
  readonly rate: number;
}

const execute = promisify(execFile);
const OUTPUT = "/tmp/bench-output";

/** Medians over `rounds` runs. */
export async function measureStart(tool: Tool, script: string, rounds: number): Promise<StartResult> {
  const runs: StartResult[] = [];
  for (let round = 0; round < rounds; round++) {
    const tracer = new Tracer(tool, script, OUTPUT);
    try {
      const attached = await tracer.attached();
      await sleep(300);
      runs.push({ attached, end: await tracer.stop() });
    } finally {
      tracer.kill();
    }
  }
  return {
    attached: medianUsage(runs.map((run) => run.attached)),
    end: medianUsage(runs.map((run) => run.end)),
  };
}

export async function measureSize(kernel: Kernel, tool: Tool, script: string): Promise<SizeResult> {
  const before = listPrograms(kernel);
  return withTracer(new Tracer(tool, script, OUTPUT), async (tracer) => {
    const programs = newPrograms(kernel, before);
    await tracer.stop();
    return { insns: programs.reduce((sum, { insns }) => sum + insns, 0), programs: programs.length };
  });
}

/**
 * Time in the script's programs while `load` (a shell line) runs; needs the kernel's BPF statistics. All tools
 * are attached at once and see the very same events, in slices: whatever else the machine does falls on all of
 * them. What runs first finds colder caches, so that the order of the tools changes between rounds.
 */
export async function measureCost(
  kernel: Kernel,
  tools: readonly Tool[],
  script: string,
  load: string,
  rounds: number,
): Promise<Record<string, CostResult | Failure>> {
  const results: Record<string, { times: number[]; events: number } | Failure> = {};
  for (let round = 0; round < ORDERS; round++) {
    const order = round % 2 === 0 ? tools : tools.toReversed();
    const running = await startAll(kernel, order, script);
    try {
      for (const { tool, failed } of running) if (failed !== undefined) results[tool] = { failed };
      for (let slice = 0; slice < rounds; slice++) {
        const before = running.map((each) => each.spent());
        await execute("sh", ["-c", load]);
        running.forEach((each, index) => {
          const spent = each.spent();
          const events = spent.runs - before[index]!.runs;
          const result = (results[each.tool] ??= { times: [], events: 0 });
          if ("failed" in result || events === 0) return;
          result.times.push((spent.time - before[index]!.time) / events);
          result.events += events;
        });
      }
      for (const { tracer } of running) await tracer?.stop();
    } finally {
      for (const { tracer } of running) tracer?.kill();
    }
  }
  return results;
}

/** Each is measured in `rounds` slices. */
const ORDERS = 2;

interface Running {
  readonly tool: string;
  readonly tracer?: Tracer;
  readonly failed?: string;
  /** By its programs, so far. */
  readonly spent: () => { readonly time: number; readonly runs: number };
}

async function startAll(kernel: Kernel, tools: readonly Tool[], script: string): Promise<Running[]> {
  const running: Running[] = [];
  for (const tool of tools) {
    const before = listPrograms(kernel);
    const tracer = new Tracer(tool, script, `${OUTPUT}-${tool.name}`);
    const attached = await attempt(() => tracer.attached());
    if ("failed" in attached) {
      tracer.kill();
      running.push({ tool: tool.name, failed: attached.failed, spent: () => ({ time: 0, runs: 0 }) });
      continue;
    }
    const own = new Set(newPrograms(kernel, before).map(({ id }) => id));
    const spent = (): { time: number; runs: number } => {
      const programs = listPrograms(kernel).filter(({ id }) => own.has(id));
      const total = (field: "runTime" | "runs"): number =>
        programs.reduce((sum, program) => sum + Number(program[field]), 0);
      return { time: total("runTime"), runs: total("runs") };
    };
    running.push({ tool: tool.name, tracer, spent });
  }
  return running;
}

/** `events` writes of one byte by dd, each printed as a line into a file, as fast as they come. */
export async function measureOutput(tool: Tool, script: string, events: number): Promise<OutputResult> {
  rmSync(OUTPUT, { force: true });
  return withTracer(new Tracer(tool, script, OUTPUT), async (tracer) => {
    const start = performance.now();
    await execute("dd", ["if=/dev/zero", "of=/dev/null", "bs=1", `count=${events}`]);
    const seconds = ((await settled(OUTPUT)) - start) / 1000;
    await tracer.stop();
    const delivered = await countLines(OUTPUT, "event ");
    const reports = `${tracer.messages}${await lostLines(OUTPUT)}`;
    const lost = [...reports.matchAll(/Lost (\d+) events/gi)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    return { events, delivered, lost, rate: delivered / seconds };
  });
}

/** When the file grew for the last time: a tracer may lag behind the events, and may drop them when stopped. */
async function settled(path: string): Promise<number> {
  let [size, since] = [-1, performance.now()];
  while (performance.now() - since < 2000) {
    const now = statSync(path).size;
    if (now !== size) [size, since] = [now, performance.now()];
    await sleep(20);
  }
  return since;
}

async function countLines(path: string, prefix: string): Promise<number> {
  let count = 0;
  for await (const line of lines(path)) if (line.startsWith(prefix)) count++;
  return count;
}

async function lostLines(path: string): Promise<string> {
  let found = "";
  for await (const line of lines(path)) if (/lost/i.test(line)) found += `${line}\n`;
  return found;
}

async function* lines(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(path, "latin1")) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}

function medianUsage(runs: readonly Usage[]): Usage {
  const of = (field: keyof Usage): number => median(runs.map((run) => run[field]));
  return { wall: of("wall"), cpu: of("cpu"), memory: of("memory") };
}

/** Runs `use` while the kernel counts the runs of programs and their time (BPF_ENABLE_STATS, Linux 5.8). */
export async function withStatistics<T>(kernel: Kernel, use: () => Promise<T>): Promise<T> {
  const statistics = kernel.bpf("ENABLE_STATS", { type: BPF_STATS.RUN_TIME });
  try {
    return await use();
  } finally {
    kernel.close(statistics);
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** The result, or why there is none: one tool's failure must not end the comparison. */
export async function attempt<T>(measure: () => Promise<T>): Promise<T | Failure> {
  try {
    return await measure();
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}
