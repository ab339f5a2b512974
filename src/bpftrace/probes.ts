export type ProbeKind =
  | "begin"
  | "end"
  | "self"
  | "test"
  | "bench"
  | "kprobe"
  | "kretprobe"
  | "fentry"
  | "fexit"
  | "tracepoint"
  | "rawtracepoint"
  | "uprobe"
  | "uretprobe"
  | "usdt"
  | "profile"
  | "interval"
  | "software"
  | "hardware"
  | "watchpoint"
  | "iter";

export interface ProbeRow {
  readonly kind: ProbeKind;
  /** Other spellings; names are compared without case, aliases with it (`u` is uprobe, `U` is usdt). */
  readonly aliases: readonly string[];
  /** What follows the kind, for messages. */
  readonly form: string;
  /** Least and most colon-separated parts after the kind. */
  readonly parts: readonly [least: number, most: number];
  /** Where wildcards are expanded. */
  readonly wildcards: boolean;
  /** How `args` is typed. */
  readonly args: "none" | "tracepoint" | "parameters" | "dwarf";
  /** `arg0` to `argN` are there. */
  readonly argN: boolean;
  readonly retval: boolean;
  /** Default address space of pointers made from integers. */
  readonly space: "kernel" | "user";
  /** Runs in a task's context with pt_regs. */
  readonly registers: boolean;
  readonly status: "core" | "later";
  readonly doc: string;
}

type Rest = Partial<Omit<ProbeRow, "kind" | "form" | "parts" | "doc">>;

function row(
  kind: ProbeKind,
  form: string,
  parts: readonly [number, number],
  doc: string,
  rest: Rest = {},
): ProbeRow {
  return {
    kind,
    form,
    parts,
    doc,
    aliases: [],
    wildcards: false,
    args: "none",
    argN: false,
    retval: false,
    space: "kernel",
    registers: false,
    status: "core",
    ...rest,
  };
}

export const probeRows: readonly ProbeRow[] = [
  row("begin", "", [0, 0], "Runs once before everything else attaches", { aliases: ["BEGIN"] }),
  row("end", "", [0, 0], "Runs once after everything is detached", { aliases: ["END"] }),
  row("self", "signal:NAME", [2, 2], "Runs when the tracer itself gets a signal"),
  row("test", "NAME", [1, 1], "Runs once in --test mode; its return value decides", { status: "later" }),
  row("bench", "NAME", [1, 1], "Runs repeatedly in --bench mode and is timed", { status: "later" }),
  row("kprobe", "[MODULE:]FUNCTION[+OFFSET]", [1, 2], "A kernel function is entered", {
    aliases: ["k"],
    wildcards: true,
    argN: true,
    registers: true,
  }),
  row("kretprobe", "[MODULE:]FUNCTION", [1, 2], "A kernel function returns", {
    aliases: ["kr"],
    wildcards: true,
    retval: true,
    registers: true,
  }),
  row("fentry", "[MODULE:]FUNCTION", [1, 3], "A kernel function is entered, with typed arguments", {
    aliases: ["f", "kfunc"],
    wildcards: true,
    args: "parameters",
    argN: true,
  }),
  row("fexit", "[MODULE:]FUNCTION", [1, 3], "A kernel function returns, with typed arguments and result", {
    aliases: ["fr", "kretfunc"],
    wildcards: true,
    args: "parameters",
    argN: true,
    retval: true,
  }),
  row("tracepoint", "CATEGORY:EVENT", [2, 2], "A static tracepoint of the kernel", {
    aliases: ["t"],
    wildcards: true,
    args: "tracepoint",
  }),
  row("rawtracepoint", "[MODULE:]EVENT", [1, 2], "A tracepoint with its raw arguments, typed by BTF", {
    aliases: ["rt"],
    wildcards: true,
    args: "parameters",
    argN: true,
  }),
  row("uprobe", "PATH:FUNCTION[+OFFSET]", [1, 3], "A function of a program or library is entered", {
    aliases: ["u"],
    wildcards: true,
    argN: true,
    space: "user",
    registers: true,
  }),
  row("uretprobe", "PATH:FUNCTION", [1, 3], "A function of a program or library returns", {
    aliases: ["ur"],
    wildcards: true,
    retval: true,
    space: "user",
    registers: true,
  }),
  row("usdt", "PATH:[PROVIDER:]NAME", [2, 3], "A static probe of a program or library", {
    aliases: ["U"],
    wildcards: true,
    argN: true,
    space: "user",
    registers: true,
  }),
  row("profile", "hz|s|ms|us:COUNT", [1, 2], "Runs on every CPU at a rate", {
    aliases: ["p"],
    registers: true,
  }),
  row("interval", "s|ms|us|hz:COUNT", [1, 2], "Runs on one CPU at a rate", {
    aliases: ["i"],
    registers: true,
  }),
  row("software", "EVENT[:COUNT]", [1, 2], "A software perf event", { aliases: ["s"], registers: true }),
  row("hardware", "EVENT[:COUNT]", [1, 2], "A hardware perf event", { aliases: ["h"], registers: true }),
  row("watchpoint", "ADDRESS:LENGTH:MODE", [3, 3], "Memory is read, written or executed", {
    aliases: ["w"],
    registers: true,
    status: "later",
  }),
  row("iter", "OBJECT[:PIN]", [1, 2], "Walks the kernel's objects of one kind", {
    aliases: ["it"],
    args: "parameters",
    status: "later",
  }),
];

/** Software perf events (PERF_TYPE_SOFTWARE): PERF_COUNT_SW_* and the default sample period. */
export const softwareEvents: readonly PerfEventRow[] = [
  { name: "cpu-clock", aliases: ["cpu"], config: 0, period: 1_000_000 },
  { name: "task-clock", aliases: [], config: 1, period: 1_000_000 },
  { name: "page-faults", aliases: ["faults"], config: 2, period: 100 },
  { name: "context-switches", aliases: ["cs"], config: 3, period: 1000 },
  { name: "cpu-migrations", aliases: [], config: 4, period: 1 },
  { name: "minor-faults", aliases: [], config: 5, period: 100 },
  { name: "major-faults", aliases: [], config: 6, period: 1 },
  { name: "alignment-faults", aliases: [], config: 7, period: 1 },
  { name: "emulation-faults", aliases: [], config: 8, period: 1 },
  { name: "dummy", aliases: [], config: 9, period: 1 },
  { name: "bpf-output", aliases: [], config: 10, period: 1 },
];

/** Hardware perf events (PERF_TYPE_HARDWARE): PERF_COUNT_HW_* and the default sample period. */
export const hardwareEvents: readonly PerfEventRow[] = [
  { name: "cpu-cycles", aliases: ["cycles"], config: 0, period: 1_000_000 },
  { name: "instructions", aliases: [], config: 1, period: 1_000_000 },
  { name: "cache-references", aliases: [], config: 2, period: 1_000_000 },
  { name: "cache-misses", aliases: [], config: 3, period: 1_000_000 },
  { name: "branch-instructions", aliases: ["branches"], config: 4, period: 100_000 },
  { name: "branch-misses", aliases: [], config: 5, period: 100_000 },
  { name: "bus-cycles", aliases: [], config: 6, period: 100_000 },
  { name: "frontend-stalls", aliases: [], config: 7, period: 1_000_000 },
  { name: "backend-stalls", aliases: [], config: 8, period: 1_000_000 },
  { name: "ref-cycles", aliases: [], config: 9, period: 1_000_000 },
];

export interface PerfEventRow {
  readonly name: string;
  readonly aliases: readonly string[];
  /** perf_event_attr.config */
  readonly config: number;
  /** Events between two samples when the script names none. */
  readonly period: number;
}

/** The row that a probe's first word names. */
export function findProbe(word: string): ProbeRow | undefined {
  const lower = word.toLowerCase();
  return (
    probeRows.find((row) => row.aliases.includes(word) || row.kind === lower) ??
    probeRows.find((row) => row.aliases.some((alias) => alias.length > 1 && alias.toLowerCase() === lower))
  );
}
