import { writeSync } from "node:fs";
import { fullProgramName } from "../../bpftool/index.ts";
import { openKernel } from "../../open-kernel.ts";
import { styleFor } from "../../report/index.ts";
import {
  activity,
  bodyRows,
  filtered,
  isSortKey,
  press,
  renderScreen,
  Sampler,
  sorted,
  splitKeys,
  tableHead,
  tableRow,
} from "../../top/index.ts";
import type { Activity, Controls, Sample } from "../../top/index.ts";
import { parseArguments, usageError } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { topOptions } from "../options.ts";
import { onStopSignals } from "../stop-signals.ts";
import { Terminal } from "../terminal.ts";
import { writeAll } from "../write-all.ts";

interface TopOptions {
  readonly controls: Controls;
  /** Seconds. */
  readonly interval: number;
  /** How many times to show; Infinity without end. */
  readonly count: number;
  readonly json: boolean;
}

/** `top`: programs by the CPU time they take, again and again. */
export async function top(args: readonly string[], invocation: Invocation): Promise<number> {
  const { options, positionals } = parseArguments(args, topOptions, invocation);
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  if (positionals.length > 0) throw usageError(`Unexpected argument ${positionals[0]}`, invocation);
  const chosen = topOptionsOf(options, invocation);
  using kernel = await openKernel();
  using sampler = new Sampler(kernel, (fd) => fullProgramName(kernel, fd));
  if (!chosen.json && process.stdout.isTTY && process.stdin.isTTY) await showLive(sampler, chosen);
  else await printTables(sampler, chosen);
  return 0;
}

function topOptionsOf(options: ReadonlyMap<string, string>, invocation: Invocation): TopOptions {
  const number = (name: string, otherwise: number, least: number): number => {
    const text = options.get(name);
    const value = text === undefined ? otherwise : Number(text);
    if (text?.trim() === "" || !(value >= least))
      throw usageError(`--${name} takes a number of at least ${least}, not ${text}`, invocation);
    return value;
  };
  const sort = options.get("sort") ?? "cpu";
  if (!isSortKey(sort)) throw usageError(`--sort does not know ${sort}`, invocation);
  return {
    controls: {
      sort,
      reverse: options.has("reverse"),
      filter: options.get("filter") ?? "",
      editing: false,
      paused: false,
      help: false,
      first: 0,
    },
    interval: number("interval", 1, 0.05),
    count: number("count", Number.POSITIVE_INFINITY, 1),
    json: options.get("format") === "json",
  };
}

function chosenRows(rows: readonly Activity[], { sort, reverse, filter }: Controls): Activity[] {
  return sorted(filtered(rows, filter), sort, reverse);
}

/** For files, pipes and programs: a table, or a line of JSON, each interval. */
async function printTables(sampler: Sampler, { controls, interval, count, json }: TopOptions): Promise<void> {
  const stop = new AbortController();
  using _signals = onStopSignals(() => stop.abort());
  let before = sampler.sample();
  for (let shown = 0; shown < count; shown++) {
    await pause(interval, stop.signal);
    if (stop.signal.aborted) return;
    const after = sampler.sample();
    const rows = chosenRows(activity(before, after), controls);
    if (!writeAll(1, json ? jsonLine(before, after, rows) : tableText(rows, controls))) return;
    before = after;
  }
}

function tableText(rows: readonly Activity[], { sort }: Controls): string {
  const time = new Date().toTimeString().slice(0, 8);
  return `${time}\n${[tableHead(sort), ...rows.map((row) => tableRow(row))].join("\n")}\n\n`;
}

function jsonLine(before: Sample, after: Sample, rows: readonly Activity[]): string {
  const programs = rows.map((row) => ({
    id: row.id,
    type: row.type,
    name: row.name,
    cpu_percent: row.cpu,
    events_per_second: row.events,
    average_ns: row.average,
    total_average_ns: row.totalAverage,
    run_time_ns: Number(row.runTimeNs),
    run_cnt: Number(row.runCount),
  }));
  const interval = Number(after.time - before.time) / 1e9;
  return `${JSON.stringify({ time: new Date().toISOString(), interval, programs })}\n`;
}

/** Milliseconds: timers of more end at once. */
const LONGEST = 2 ** 31 - 1;

/** Resolves after that time, or at once when it is aborted. */
function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(seconds * 1000, LONGEST));
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

async function showLive(sampler: Sampler, options: TopOptions): Promise<void> {
  const { interval, count } = options;
  const stop = new AbortController();
  using _signals = onStopSignals(() => stop.abort());
  let { controls } = options;
  let before = sampler.sample();
  let activities: readonly Activity[] = activity(before, before);
  const style = styleFor({ isTTY: true }, process.env);
  using terminal = new Terminal(process.stdin, process.stdout, {
    key: (input) => {
      for (const key of splitKeys(input)) {
        const rows = filtered(activities, controls.filter).length;
        const pressed = press(controls, key, rows, bodyRows(terminal.size));
        if (pressed === "quit") return stop.abort();
        if (pressed === "suspend") return terminal.suspend();
        controls = pressed;
      }
      draw();
    },
    changed: () => draw(),
    headStyle: (text) => style("bold", text),
  });
  const draw = (): void => {
    const rows = chosenRows(activities, controls);
    const first = Math.min(controls.first, Math.max(0, rows.length - bodyRows(terminal.size)));
    const view = { ...controls, rows, first, total: activities.length, interval };
    terminal.draw(renderScreen(view, terminal.size));
  };
  draw();
  for (let shown = 0; shown < count; shown++) {
    await pause(interval, stop.signal);
    if (stop.signal.aborted) return;
    if (controls.paused) continue;
    const after = sampler.sample();
    activities = activity(before, after);
    before = after;
    draw();
  }
}
