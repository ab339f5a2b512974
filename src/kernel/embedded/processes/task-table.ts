import type { Memory } from "../memory.ts";
import type { ProcTask } from "./proc-files.ts";
import type { ProcessFacts } from "./process-facts.ts";
import { placeStructs } from "./task-types.ts";
import type { StructPlace } from "./task-types.ts";

/** Tasks that are kept behind their end, for programs that hold pointers to them. */
const KEPT = 512;
/** Longer chains of parents than processes have. */
const MOST_PARENTS = 64;

/** One of each struct that a task refers to, in one block of memory. */
const PARTS: readonly string[] = [
  "task_struct",
  "cred",
  "mm_struct",
  "files_struct",
  "fdtable",
  "nsproxy",
  "uts_namespace",
  "ipc_namespace",
  "mnt_namespace",
  "pid_namespace",
  "net",
  "time_namespace",
  "cgroup_namespace",
  "user_namespace",
  "css_set",
  "cgroup",
  "kernfs_node",
];

const NAMESPACES: readonly (readonly [member: string, part: string, file: string])[] = [
  ["uts_ns", "uts_namespace", "uts"],
  ["ipc_ns", "ipc_namespace", "ipc"],
  ["mnt_ns", "mnt_namespace", "mnt"],
  ["pid_ns_for_children", "pid_namespace", "pid"],
  ["net_ns", "net", "net"],
  ["time_ns", "time_namespace", "time"],
  ["cgroup_ns", "cgroup_namespace", "cgroup"],
];

/** Numbers of states: include/linux/sched.h */
const STATES: Readonly<Record<string, number>> = { R: 0, S: 1, D: 2, T: 4, t: 8, Z: 0, X: 0, I: 0x402 };

/** Writes into one task's block. */
interface Block {
  readonly at: (part: string) => number;
  readonly set: (part: string, member: string, value: number | bigint) => void;
  readonly point: (part: string, member: string, to: number) => void;
}

interface Entry {
  readonly address: number;
  /** What was read may be out of date. */
  stale: boolean;
  /** So may its namespaces and its cgroup be, which few processes ever leave. */
  moved: boolean;
  ended: boolean;
}

/**
 * task_structs in the embedded kernel's memory, filled with what is known of threads when a program asks for one,
 * together with its parents, so that pointers from one to the next lead somewhere.
 */
export class TaskTable {
  readonly #memory: Memory;
  readonly #facts: ProcessFacts;
  readonly #places: ReadonlyMap<string, StructPlace> = placeStructs();
  readonly #offsets = new Map<string, number>();
  readonly #blockSize: number;
  readonly #entries = new Map<number, Entry>();
  readonly #ended: number[] = [];

  constructor(memory: Memory, facts: ProcessFacts) {
    this.#memory = memory;
    this.#facts = facts;
    let offset = 0;
    for (const part of PARTS) {
      this.#offsets.set(part, offset);
      offset += Math.ceil(this.#places.get(part)!.size / 8) * 8;
    }
    this.#blockSize = offset;
  }

  /** Address of a thread's task_struct; 0 where there is no such thread. */
  address(pid: number): number {
    return this.#fill(pid, MOST_PARENTS)?.address ?? 0;
  }

  /**
   * Something has happened there: what was read is read again when it is next asked for; `moved`: namespaces and
   * cgroup, too.
   */
  touch(pid: number, moved = false): void {
    const entry = this.#entries.get(pid);
    if (!entry) return;
    entry.stale = true;
    if (moved) entry.moved = true;
  }

  end(pid: number): void {
    const entry = this.#entries.get(pid);
    if (!entry || entry.ended) return;
    entry.ended = true;
    this.#ended.push(pid);
    if (this.#ended.length <= KEPT) return;
    const oldest = this.#ended.shift()!;
    const gone = this.#entries.get(oldest);
    if (gone?.ended === true) {
      this.#entries.delete(oldest);
      this.#memory.free(gone.address);
    }
  }

  #fill(pid: number, depth: number): Entry | undefined {
    const known = this.#entries.get(pid);
    if (known && !known.stale) return known;
    const task = depth > 0 ? this.#facts.task(pid) : undefined;
    if (!task) return known;
    const entry = known ?? {
      address: this.#memory.allocate(this.#blockSize),
      stale: false,
      moved: true,
      ended: false,
    };
    // Before its parents are filled: none may come back to it.
    this.#entries.set(pid, entry);
    entry.stale = false;
    entry.ended = false;
    this.#write(entry.address, task, depth);
    if (entry.moved) this.#writePlace(entry.address, task.pid);
    entry.moved = false;
    return entry;
  }

  #write(base: number, task: ProcTask, depth: number): void {
    const { at, set, point } = this.#block(base);
    const parent = task.parent === 0 ? base : (this.#fill(task.parent, depth - 1)?.address ?? base);
    const leader = task.tgid === task.pid ? base : (this.#fill(task.tgid, depth - 1)?.address ?? base);
    for (const [member, value] of taskMembers(task)) set("task_struct", member, value);
    this.#text(at("task_struct"), "task_struct", "comm", task.comm);
    point("task_struct", "parent", parent);
    point("task_struct", "real_parent", parent);
    point("task_struct", "group_leader", leader);
    point("task_struct", "cred", at("cred"));
    point("task_struct", "real_cred", at("cred"));
    point(
      "task_struct",
      "mm",
      task.memory.startCode === 0n && task.memory.pages === 0n ? 0 : at("mm_struct"),
    );
    point("task_struct", "files", at("files_struct"));
    point("task_struct", "nsproxy", at("nsproxy"));
    point("task_struct", "cgroups", at("css_set"));
    for (const [member, value] of credMembers(task)) set("cred", member, value);
    point("cred", "user_ns", at("user_namespace"));
    for (const [member, value] of memoryMembers(task)) set("mm_struct", member, value);
    set("files_struct", "count", 1);
    point("files_struct", "fdt", at("fdtable"));
    set("fdtable", "max_fds", task.descriptors);
  }

  /** Namespaces and cgroup. */
  #writePlace(base: number, pid: number): void {
    const { at, set, point } = this.#block(base);
    set("user_namespace", "ns.inum", this.#facts.namespace(pid, "user"));
    for (const [member, part, file] of NAMESPACES) {
      point("nsproxy", member, at(part));
      set(part, "ns.inum", this.#facts.namespace(pid, file));
    }
    this.#writeNames(at("uts_namespace"));
    const cgroup = this.#facts.cgroup(pid);
    point("css_set", "dfl_cgrp", at("cgroup"));
    point("cgroup", "kn", at("kernfs_node"));
    set("cgroup", "level", cgroup.path.split("/").filter((word) => word !== "").length);
    set("kernfs_node", "id", cgroup.id);
  }

  #block(base: number): Block {
    const at = (part: string): number => base + this.#offsets.get(part)!;
    const set = (part: string, member: string, value: number | bigint): void =>
      this.#set(at(part), part, member, value);
    return { at, set, point: (part, member, to) => set(part, member, this.#memory.pointer(to)) };
  }

  #writeNames(uts: number): void {
    const { node, release, version } = this.#facts.machine;
    const names = { sysname: "Linux", nodename: node, release, version };
    for (const [member, text] of Object.entries(names))
      this.#text(uts, "uts_namespace", `name.${member}`, text);
  }

  #set(address: number, struct: string, member: string, value: number | bigint): void {
    const place = this.#places.get(struct)?.members.get(member);
    if (!place) throw new Error(`No member ${struct}.${member}`);
    const { view } = this.#memory;
    if (place.size === 8) view.setBigUint64(address + place.offset, BigInt.asUintN(64, BigInt(value)), true);
    else view.setInt32(address + place.offset, Number(value) | 0, true);
  }

  #text(address: number, struct: string, member: string, text: string): void {
    const place = this.#places.get(struct)?.members.get(member);
    if (!place) throw new Error(`No member ${struct}.${member}`);
    const bytes = this.#memory.slice(address + place.offset, place.size);
    bytes.fill(0);
    bytes.set(Buffer.from(text, "latin1").subarray(0, place.size - 1));
  }
}

type Members = readonly (readonly [member: string, value: number | bigint])[];

function taskMembers(task: ProcTask): Members {
  return [
    ["__state", STATES[task.state] ?? 0],
    ["flags", task.flags],
    ["on_cpu", task.state === "R" ? 1 : 0],
    // proc_pid_stat(5) shows priorities without the 100 levels of real-time tasks.
    ["prio", task.priority + 100],
    ["static_prio", task.nice + 120],
    ["normal_prio", task.priority + 100],
    ["exit_signal", task.exitSignal],
    ["pid", task.pid],
    ["tgid", task.tgid],
    ["utime", task.userTime],
    ["stime", task.systemTime],
    ["nvcsw", task.voluntarySwitches],
    ["nivcsw", task.involuntarySwitches],
    ["start_time", task.startTime],
    ["start_boottime", task.startTime],
    ["min_flt", task.minorFaults],
    ["maj_flt", task.majorFaults],
  ];
}

function credMembers({ uids, gids, capabilities }: ProcTask): Members {
  const ids = ["", "e", "s", "fs"];
  const sets = ["inheritable", "permitted", "effective", "bset", "ambient"];
  return [
    ...ids.map((prefix, index) => [`${prefix}uid.val`, uids[index] ?? 0] as const),
    ...ids.map((prefix, index) => [`${prefix}gid.val`, gids[index] ?? 0] as const),
    ...sets.map((set, index) => [`cap_${set}.val`, capabilities[index] ?? 0n] as const),
  ];
}

function memoryMembers({ memory }: ProcTask): Members {
  return [
    ["start_code", memory.startCode],
    ["end_code", memory.endCode],
    ["start_stack", memory.startStack],
    ["start_data", memory.startData],
    ["end_data", memory.endData],
    ["start_brk", memory.startBreak],
    ["arg_start", memory.argStart],
    ["arg_end", memory.argEnd],
    ["env_start", memory.envStart],
    ["env_end", memory.envEnd],
    ["total_vm", memory.pages],
  ];
}
