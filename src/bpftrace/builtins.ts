import type { ProbeRow } from "./probes.ts";
import { bool, ksym, stringOf, type Type, uint32, uint64, uint8, username } from "./types.ts";

/** Values that the context gives; `lower` has one emitter a name. */
export type BuiltinName =
  | "pid"
  | "tid"
  | "uid"
  | "gid"
  | "comm"
  | "nsecs"
  | "elapsed"
  | "cpu"
  | "ncpus"
  | "numaid"
  | "curtask"
  | "cgroup"
  | "args"
  | "argN"
  | "retval"
  | "ctx"
  | "func"
  | "probe"
  | "probetype"
  | "rand"
  | "jiffies"
  | "usermode"
  | "username"
  | "cpid"
  | "has_cpid"
  | "ppid"
  | "pcomm"
  | "leader_tid"
  | "leader_comm"
  | "config";

export interface BuiltinRow {
  readonly name: BuiltinName;
  readonly aliases: readonly string[];
  /** Absent: it depends on the probe (`args`, `retval`, `func`, `curtask`). */
  readonly type?: Type;
  /** Absent: everywhere. */
  readonly allowed?: (probe: ProbeRow) => boolean;
  /** Folded by the checker; `lower` never sees it. */
  readonly constant?: boolean;
  readonly status: "core" | "later";
  readonly doc: string;
}

function row(name: BuiltinName, doc: string, rest: Partial<BuiltinRow> = {}): BuiltinRow {
  return { name, doc, aliases: [], status: "core", ...rest };
}

/** TASK_COMM_LEN */
const commSize = 16;

export const builtinRows: readonly BuiltinRow[] = [
  row("pid", "Process id (tgid), as the tracer's pid namespace numbers it", { type: uint32 }),
  row("tid", "Thread id, as the tracer's pid namespace numbers it", { type: uint32 }),
  row("uid", "User id of the current task", { type: uint64 }),
  row("gid", "Group id of the current task", { type: uint64 }),
  row("comm", "Name of the current task", { type: stringOf(commSize) }),
  row("nsecs", "Nanoseconds since boot, suspend included", { type: uint64 }),
  row("elapsed", "Nanoseconds since the script started", { type: uint64 }),
  row("cpu", "Number of the CPU the probe runs on", { type: uint32 }),
  row("ncpus", "Number of possible CPUs", { type: uint64 }),
  row("numaid", "Number of the NUMA node the probe runs on", { type: uint32 }),
  row("curtask", "The current task, a struct task_struct *"),
  row("cgroup", "Id of the task's cgroup (v2)", { type: uint64 }),
  row("args", "Every argument of the probe, as a record", { allowed: (probe) => probe.args !== "none" }),
  row("argN", "One argument of the function: arg0, arg1, ...", { allowed: (probe) => probe.argN }),
  row("retval", "What the function returns", { allowed: (probe) => probe.retval }),
  row("ctx", "The program's raw context"),
  row("func", "The function the probe is in", {
    allowed: (probe) => probe.registers || probe.args === "parameters",
    type: ksym,
  }),
  row("probe", "Full name of the probe", {}),
  row("probetype", "Kind of the probe", { constant: true }),
  row("rand", "A random number", { type: uint32 }),
  row("jiffies", "The kernel's tick counter", { type: uint64 }),
  row("usermode", "1 when the interrupted code ran in user space", { type: uint8 }),
  row("config", "The settings of the script, as a record", { constant: true }),
  row("username", "Name of the user of the current task", { type: username }),
  row("cpid", "Pid of the command given with -c", { type: uint32 }),
  row("has_cpid", "True when a command was given with -c", { type: bool, constant: true }),
  row("ppid", "Pid of the parent process", { type: uint32 }),
  row("pcomm", "Name of the parent process", { type: stringOf(commSize) }),
  row("leader_tid", "Thread id of the group's leader", { type: uint32 }),
  row("leader_comm", "Name of the group's leader", { type: stringOf(commSize) }),
];

/** The row of a builtin, which may be written with `__builtin_` before it. */
export function findBuiltin(written: string): BuiltinRow | undefined {
  const name = written.replace(/^__builtin_/, "");
  if (/^arg\d+$/.test(name)) return builtinRows.find((row) => row.name === "argN");
  return builtinRows.find((row) => row.name !== "argN" && (row.name === name || row.aliases.includes(name)));
}
