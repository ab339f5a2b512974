import { hostname, release, version } from "node:os";
import { cgroupOf, namespaceInode, readComm, readProcTask } from "./proc-files.ts";
import type { Cgroup, ProcTask } from "./proc-files.ts";
import { readMappings, readOpenFiles, readThreads } from "./proc-belongings.ts";
import type { Mapping, OpenFile } from "./proc-belongings.ts";

/** What is known of threads, and where it is known from: /proc, or a recording. */
export interface ProcessFacts {
  /** Undefined where the thread is gone. */
  task(pid: number): ProcTask | undefined;
  /** Its name; "" where it is gone. */
  comm(pid: number): string;
  cgroup(pid: number): Cgroup;
  /** Inode of a namespace, which names it; 0 where it is not known. */
  namespace(pid: number, kind: string): number;
  /** Ids of all threads, ascending. */
  threads?(): readonly number[];
  /** Open files of a process, by descriptor. */
  files?(pid: number): readonly OpenFile[];
  /** Mappings of a process, ascending. */
  mappings?(pid: number): readonly Mapping[];
  /** The thread has ended. */
  ended?(pid: number): void;
  readonly machine: MachineNames;
}

/** As uname(2) tells them. */
export interface MachineNames {
  readonly node: string;
  readonly release: string;
  readonly version: string;
}

export const procFacts: ProcessFacts = {
  task: readProcTask,
  comm: readComm,
  cgroup: cgroupOf,
  namespace: namespaceInode,
  threads: readThreads,
  files: readOpenFiles,
  mappings: readMappings,
  get machine(): MachineNames {
    return { node: hostname(), release: release(), version: version() };
  },
};
