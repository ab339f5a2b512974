import {
  median,
  type CostResult,
  type Failure,
  type CommandResult,
  type OutputResult,
  type SizeResult,
  type StartResult,
} from "./measurements.ts";

/** One thing measured with every tool. */
export interface Measured<T> {
  readonly what: string;
  readonly byTool: Record<string, T | Failure>;
}

export interface Report {
  readonly kernel: string;
  readonly start: Measured<StartResult>[];
  readonly size: Measured<SizeResult>[];
  readonly cost: Measured<CostResult>[];
  /** What the clock of `cost` counts. */
  readonly costUnit: "ns" | "instructions";
  readonly output: Measured<OutputResult>[];
  readonly btf: Measured<CommandResult>[];
  /** Lists and dumps of objects in the kernel. */
  readonly objects: Measured<CommandResult>[];
  /** Of one run that prints vmlinux.h: functions with the milliseconds in themselves. */
  readonly profile: readonly { readonly name: string; readonly milliseconds: number }[];
}

interface Column<T> {
  readonly title: string;
  readonly digits: number;
  readonly read: (result: T) => number;
  /** Whether a ratio to the peer says something. */
  readonly compared: boolean;
  /** Ratios that were measured one by one, in place of one of the values. */
  readonly ratios?: (own: T, peer: T) => readonly number[];
}

const START: readonly Column<StartResult>[] = [
  { title: "s to attached", digits: 3, read: ({ attached }) => attached.wall, compared: true },
  { title: "cpu s to attached", digits: 3, read: ({ attached }) => attached.cpu, compared: true },
  { title: "MiB to attached", digits: 1, read: ({ attached }) => attached.memory, compared: true },
  { title: "s to end", digits: 3, read: ({ end }) => end.wall, compared: true },
  { title: "cpu s to end", digits: 2, read: ({ end }) => end.cpu, compared: true },
  { title: "MiB to end", digits: 1, read: ({ end }) => end.memory, compared: true },
];
const SIZE: readonly Column<SizeResult>[] = [
  { title: "instructions", digits: 0, read: ({ insns }) => insns, compared: true },
];
const costColumns = (unit: Report["costUnit"]): readonly Column<CostResult>[] => [
  {
    title: unit === "ns" ? "ns an event" : "insns an event",
    digits: 0,
    read: ({ times }) => median(times),
    compared: true,
    ratios: (own, peer) => own.times.map((time, slice) => time / peer.times[slice]!),
  },
  { title: "events", digits: 0, read: ({ events }) => events, compared: false },
];
const OUTPUT: readonly Column<OutputResult>[] = [
  { title: "events/s", digits: 0, read: ({ rate }) => rate, compared: true },
  { title: "delivered", digits: 0, read: ({ delivered }) => delivered, compared: false },
  { title: "reported lost", digits: 0, read: ({ lost }) => lost, compared: false },
  {
    title: "unaccounted",
    digits: 0,
    read: ({ events, delivered, lost }) => events - delivered - lost,
    compared: false,
  },
];

const COMMANDS: readonly Column<CommandResult>[] = [
  { title: "s", digits: 3, read: ({ wall }) => wall, compared: true },
  { title: "cpu s", digits: 2, read: ({ cpu }) => cpu, compared: true },
];

const COST_TITLES: Readonly<Record<Report["costUnit"], string>> = {
  ns: "time in BPF programs",
  instructions: "instructions run in BPF programs and the kernel's helpers",
};

/** The report as text: one block a section; ratios are the first tool's value over the second's. */
export function reportText(report: Report): string {
  return [
    `kernel: ${report.kernel}`,
    ...section("start", report.start, START),
    ...section("instructions", report.size, SIZE),
    ...section(COST_TITLES[report.costUnit], report.cost, costColumns(report.costUnit)),
    ...section("printf at full load", report.output, OUTPUT),
    ...section("types of the kernel", report.btf, COMMANDS),
    ...section("objects in the kernel", report.objects, COMMANDS),
    ...report.profile.map(
      ({ name, milliseconds }) =>
        `  ${"in bpfkit".padEnd(24)}${milliseconds.toFixed(1).padStart(8)} ms  ${name}`,
    ),
    "",
  ].join("\n");
}

function section<T extends object>(
  title: string,
  rows: readonly Measured<T>[],
  columns: readonly Column<T>[],
): string[] {
  if (rows.length === 0) return [];
  const lines = columns.flatMap((column) => columnLines(rows, column));
  const failures = rows.flatMap(({ what, byTool }) =>
    Object.entries(byTool).flatMap(([tool, result]) =>
      "failed" in result ? [`  ${what}: ${tool} failed: ${result.failed.split("\n")[0]}`] : [],
    ),
  );
  return ["", title, ...lines, ...failures];
}

function columnLines<T extends object>(rows: readonly Measured<T>[], column: Column<T>): string[] {
  const medians: number[] = [];
  const lines = rows.map(({ what, byTool }) => {
    const results = Object.values(byTool).map((result) => ("failed" in result ? undefined : result));
    const cells = results.map((result) =>
      (result === undefined ? "-" : column.read(result).toFixed(column.digits)).padStart(12),
    );
    const ratios = ratiosOf(column, results);
    if (ratios.length > 0) medians.push(median(ratios));
    return `  ${what.padEnd(24)}${column.title.padEnd(18)}${cells.join("")}${ratioText(ratios)}`;
  });
  if (medians.length < 2) return lines;
  const mean = Math.exp(medians.reduce((sum, ratio) => sum + Math.log(ratio), 0) / medians.length);
  return [
    ...lines,
    `  ${"geometric mean".padEnd(24)}${column.title.padEnd(18)}${mean.toFixed(2).padStart(32)}`,
  ];
}

function ratiosOf<T>(column: Column<T>, [own, peer]: readonly (T | undefined)[]): readonly number[] {
  if (!column.compared || own === undefined || peer === undefined) return [];
  const ratios = column.ratios?.(own, peer) ?? [column.read(own) / column.read(peer)];
  // What took less than the clock's step has no ratio.
  return ratios.filter(Number.isFinite);
}

/** The median, and between which two numbers the middle half of the ratios lies. */
function ratioText(ratios: readonly number[]): string {
  if (ratios.length === 0) return "";
  const text = median(ratios).toFixed(2).padStart(8);
  if (ratios.length === 1) return text;
  const sorted = [...ratios].sort((a, b) => a - b);
  const quartile = (part: number): string => sorted[Math.round((sorted.length - 1) * part)]!.toFixed(2);
  return `${text} (${quartile(0.25)} to ${quartile(0.75)})`;
}
