import type { RecordingEnvironment, TaskEntry } from "../../../recording/index.ts";
import type { TaskChange } from "../../../recording/index.ts";
import type { Cgroup, ProcTask } from "../processes/proc-files.ts";
import type { MachineNames, ProcessFacts } from "../processes/process-facts.ts";
import { fromRecord, namespaceField } from "./task-record.ts";

/** What a recording has told of threads so far. */
export class RecordedFacts implements ProcessFacts {
  readonly machine: MachineNames;
  readonly #known = new Map<number, TaskChange>();
  readonly #ended = new Set<number>();

  constructor({ node, release, system }: RecordingEnvironment) {
    this.machine = { node, release, version: system };
  }

  apply({ pid, change }: TaskEntry): void {
    this.#known.set(pid, { ...this.#known.get(pid), ...change });
    this.#ended.delete(pid);
  }

  end(pid: number): void {
    if (this.#known.has(pid)) this.#ended.add(pid);
  }

  has(pid: number): boolean {
    return this.#known.has(pid) && !this.#ended.has(pid);
  }

  /** What was known of a thread stays known when it has ended: its last events come behind. */
  last(pid: number): TaskChange {
    return this.#known.get(pid) ?? {};
  }

  task(pid: number): ProcTask | undefined {
    const record = this.#known.get(pid);
    return record && !this.#ended.has(pid) ? fromRecord(pid, record) : undefined;
  }

  /** Those that have not ended, as far as the recording has told of them. */
  threads(): readonly number[] {
    return [...this.#known.keys()].filter((pid) => !this.#ended.has(pid)).sort((a, b) => a - b);
  }

  comm(pid: number): string {
    return this.last(pid).comm ?? "";
  }

  cgroup(pid: number): Cgroup {
    const { cgroupId = 1n, cgroupPath = "/" } = this.last(pid);
    return { id: cgroupId, path: cgroupPath };
  }

  namespace(pid: number, kind: string): number {
    const field = namespaceField(kind);
    return (field && this.last(pid)[field]) ?? 0;
  }

  /** Every cgroup that was seen, by id. */
  *cgroups(): Generator<readonly [bigint, string]> {
    for (const { cgroupId, cgroupPath } of this.#known.values())
      if (cgroupId !== undefined && cgroupPath !== undefined) yield [cgroupId, cgroupPath];
  }
}
