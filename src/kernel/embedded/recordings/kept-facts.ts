import { taskChange } from "../../../recording/index.ts";
import type { TaskChange, TaskEndEntry, TaskEntry } from "../../../recording/index.ts";
import type { Mapping, OpenFile } from "../processes/proc-belongings.ts";
import type { Cgroup, ProcTask } from "../processes/proc-files.ts";
import type { MachineNames, ProcessFacts } from "../processes/process-facts.ts";
import { NAMESPACE_KINDS, namespaceField, toRecord } from "./task-record.ts";

/** Longer chains of parents than processes have. */
const MOST_PARENTS = 64;

/** Facts of threads that are kept, whoever asked for them, as far as they are new. */
export class KeptFacts implements ProcessFacts {
  readonly #inner: ProcessFacts;
  readonly #known = new Map<number, TaskChange>();
  #news: (TaskEntry | TaskEndEntry)[] = [];

  constructor(inner: ProcessFacts) {
    this.#inner = inner;
  }

  get machine(): MachineNames {
    return this.#inner.machine;
  }

  /** What became known since the last call. */
  take(): readonly (TaskEntry | TaskEndEntry)[] {
    const news = this.#news;
    if (news.length > 0) this.#news = [];
    return news;
  }

  knows(pid: number): boolean {
    return this.#known.get(pid)?.tgid !== undefined;
  }

  task(pid: number): ProcTask | undefined {
    const task = this.#inner.task(pid);
    if (task) this.#keep(pid, toRecord(task));
    return task;
  }

  comm(pid: number): string {
    const comm = this.#inner.comm(pid);
    if (comm !== "") this.#keep(pid, { comm });
    return comm;
  }

  cgroup(pid: number): Cgroup {
    const cgroup = this.#inner.cgroup(pid);
    this.#keep(pid, { cgroupId: cgroup.id, cgroupPath: cgroup.path });
    return cgroup;
  }

  namespace(pid: number, kind: string): number {
    const inode = this.#inner.namespace(pid, kind);
    const field = namespaceField(kind);
    if (field) this.#keep(pid, { [field]: inode });
    return inode;
  }

  // These are not kept: of a recording nobody iterates over them.
  threads(): readonly number[] {
    return this.#inner.threads?.() ?? [];
  }

  files(pid: number): readonly OpenFile[] {
    return this.#inner.files?.(pid) ?? [];
  }

  mappings(pid: number): readonly Mapping[] {
    return this.#inner.mappings?.(pid) ?? [];
  }

  ended(pid: number): void {
    this.#inner.ended?.(pid);
    if (!this.#known.delete(pid)) return;
    this.#news.push({ kind: "taskEnd", pid });
  }

  /** All that there is of a thread, and of its parents where nothing is known of them. */
  describe(pid: number): void {
    let next = pid;
    for (let depth = 0; next > 0 && depth < MOST_PARENTS; depth++) {
      const task = this.task(next);
      if (!task) return;
      this.cgroup(next);
      for (const kind of NAMESPACE_KINDS) this.namespace(next, kind);
      if (task.tgid !== next && !this.knows(task.tgid)) this.describe(task.tgid);
      if (this.knows(task.parent)) return;
      next = task.parent;
    }
  }

  /** What somebody else knows. */
  note(pid: number, change: TaskChange): void {
    this.#keep(pid, change);
  }

  #keep(pid: number, now: TaskChange): void {
    const before = this.#known.get(pid) ?? {};
    const change = taskChange(before, now);
    if (!change) return;
    this.#known.set(pid, { ...before, ...change });
    this.#news.push({ kind: "task", pid, change });
  }
}
