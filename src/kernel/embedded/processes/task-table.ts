import type { Memory } from "../memory.ts";
import type { ProcTask } from "./proc-files.ts";
import type { ProcessFacts } from "./process-facts.ts";
import { BlockLayout, StructBlock } from "../types/index.ts";
import type { StructPlaces } from "../types/index.ts";

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
  readonly #places: () => StructPlaces;
  #layout: BlockLayout | undefined;
  readonly #entries = new Map<number, Entry>();
  readonly #ended: number[] = [];

  constructor(memory: Memory, facts: ProcessFacts, places: () => StructPlaces) {
    this.#memory = memory;
    this.#facts = facts;
    this.#places = places;
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
      address: this.#memory.allocateShared(this.#blocks.size, "readonly"),
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
    const block = this.#block(base);
    const parent = task.parent === 0 ? base : (this.#fill(task.parent, depth - 1)?.address ?? base);
    const leader = task.tgid === task.pid ? base : (this.#fill(task.tgid, depth - 1)?.address ?? base);
    for (const [member, value] of taskMembers(task)) block.set("task_struct", member, value);
    block.text("task_struct", "comm", task.comm);
    block.point("task_struct", "parent", parent);
    block.point("task_struct", "real_parent", parent);
    block.point("task_struct", "group_leader", leader);
    block.point("task_struct", "cred", block.at("cred"));
    block.point("task_struct", "real_cred", block.at("cred"));
    block.point(
      "task_struct",
      "mm",
      task.memory.startCode === 0n && task.memory.pages === 0n ? 0 : block.at("mm_struct"),
    );
    block.point("task_struct", "files", block.at("files_struct"));
    block.point("task_struct", "nsproxy", block.at("nsproxy"));
    block.point("task_struct", "cgroups", block.at("css_set"));
    for (const [member, value] of credMembers(task)) block.set("cred", member, value);
    block.point("cred", "user_ns", block.at("user_namespace"));
    for (const [member, value] of memoryMembers(task)) block.set("mm_struct", member, value);
    block.set("files_struct", "count", 1);
    block.point("files_struct", "fdt", block.at("fdtable"));
    block.set("fdtable", "max_fds", task.descriptors);
  }

  /** Namespaces and cgroup. */
  #writePlace(base: number, pid: number): void {
    const block = this.#block(base);
    block.set("user_namespace", "ns.inum", this.#facts.namespace(pid, "user"));
    for (const [member, part, file] of NAMESPACES) {
      block.point("nsproxy", member, block.at(part));
      block.set(part, "ns.inum", this.#facts.namespace(pid, file));
    }
    this.#writeNames(block);
    const cgroup = this.#facts.cgroup(pid);
    block.point("css_set", "dfl_cgrp", block.at("cgroup"));
    block.point("cgroup", "kn", block.at("kernfs_node"));
    block.set("cgroup", "level", cgroup.path.split("/").filter((word) => word !== "").length);
    block.set("kernfs_node", "id", cgroup.id);
  }

  get #blocks(): BlockLayout {
    return (this.#layout ??= new BlockLayout(this.#places(), PARTS));
  }

  #block(base: number): StructBlock {
    return new StructBlock(this.#memory, this.#blocks, base);
  }

  #writeNames(block: StructBlock): void {
    const { node, release, version } = this.#facts.machine;
    const names = { sysname: "Linux", nodename: node, release, version };
    for (const [member, text] of Object.entries(names)) block.text("uts_namespace", `name.${member}`, text);
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
