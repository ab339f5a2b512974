import { METRICS, Profiler } from "../profile/index.ts";
import type { Metric, MetricReading, ProfileReading } from "../profile/index.ts";
import { findKeyword } from "./arguments.ts";
import type { Arguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openOne } from "./handle.ts";
import type { Json } from "./json.ts";
import { ToolError } from "./tool-error.ts";

/** As many counters as processors have at least; more would only be counted in turns. */
const MAX_METRICS = 4;

/** prog profile PROG [duration SECONDS] METRIC...: what is counted while the program runs, until then or Ctrl-C. */
export const profileProgram: Command = async ({ args, kernel: open, stopped }) => {
  args.require(3, "profile");
  const kernel = await open();
  using program = openOne(kernel, "prog", args);
  const seconds = args.accept("duration") ? args.number("duration") : undefined;
  const metrics = takeMetrics(args);
  using profiler = new Profiler(kernel, program.fd, metrics);
  await end(seconds, stopped);
  const reading = profiler.read();
  return { text: () => profileText(reading), json: () => profileJson(reading) };
};

function takeMetrics(args: Arguments): readonly Metric[] {
  const chosen = new Set<Metric>();
  while (args.left > 0) {
    const word = args.take("METRIC");
    const metric = findKeyword(METRICS, word);
    if (!metric)
      throw new ToolError(`unknown metric ${word}`, 255, [
        `Metrics: ${METRICS.map(({ name }) => name).join(", ")}`,
      ]);
    chosen.add(metric);
  }
  if (chosen.size === 0)
    throw new ToolError("expected a metric", 255, [`Metrics: ${METRICS.map(({ name }) => name).join(", ")}`]);
  if (chosen.size > MAX_METRICS)
    throw new ToolError(
      `too many (${chosen.size}) metrics, please specify no more than ${MAX_METRICS} metrics at a time`,
    );
  return METRICS.filter((metric) => chosen.has(metric));
}

async function end(seconds: number | undefined, stopped: () => Promise<void>): Promise<void> {
  if (seconds === undefined) return stopped();
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => (timer = setTimeout(resolve, seconds * 1000)));
  await Promise.race([elapsed, stopped()]);
  clearTimeout(timer);
}

function profileText({ runs, metrics }: ProfileReading): string {
  const count = `\n${String(runs).padStart(18)} ${"run_cnt".padEnd(20)}\n`;
  return count + metrics.map((reading) => metricText(reading, metrics)).join("");
}

function metricText(
  { metric, value, enabled, running }: MetricReading,
  all: readonly MetricReading[],
): string {
  const { name, ratio } = metric;
  const base = ratio && all.find((other) => other.metric.name === ratio.to)?.value;
  const relation =
    ratio && base !== undefined && base > 0n
      ? `# ${((Number(value) * ratio.factor) / Number(base)).toFixed(2).padStart(8)} ${ratio.text.padEnd(30)}`
      : " ".repeat(41);
  const share = enabled > running ? `(${((Number(running) * 100) / Number(enabled)).toFixed(2)}%)` : "";
  return `${String(value).padStart(18)} ${name.padEnd(20)}${relation}${share}\n`;
}

function profileJson({ runs, metrics }: ProfileReading): Json {
  return metrics.map(({ metric, value, enabled, running }) => ({
    metric: metric.name,
    run_cnt: runs,
    value,
    enabled,
    running,
  }));
}
