import type { TaskChange, TaskRecord } from "../../../recording/index.ts";
import type { ProcTask } from "../processes/proc-files.ts";

// A thread as /proc tells it, and as a recording does.

const IDS = ["", "e", "s", "fs"] as const;
const CAPABILITIES = ["inheritable", "permitted", "effective", "bounding", "ambient"] as const;

/** `utsNamespace` and the others. */
const NAMESPACES: Readonly<Record<string, NamespaceField>> = {
  user: "userNamespace",
  uts: "utsNamespace",
  ipc: "ipcNamespace",
  mnt: "mntNamespace",
  pid: "pidNamespace",
  net: "netNamespace",
  time: "timeNamespace",
  cgroup: "cgroupNamespace",
};
type NamespaceField = Extract<keyof TaskRecord, `${string}Namespace`>;

export const NAMESPACE_KINDS: readonly string[] = Object.keys(NAMESPACES);

export function namespaceField(kind: string): NamespaceField | undefined {
  return Object.hasOwn(NAMESPACES, kind) ? NAMESPACES[kind] : undefined;
}

export function toRecord({ pid, uids, gids, capabilities, memory, ...rest }: ProcTask): TaskChange {
  void pid;
  const record: TaskRecord = { ...rest, ...memory };
  IDS.forEach((prefix, index) => {
    record[`${prefix}uid`] = uids[index] ?? 0;
    record[`${prefix}gid`] = gids[index] ?? 0;
  });
  CAPABILITIES.forEach((set, index) => (record[set] = capabilities[index] ?? 0n));
  return record;
}

const number = (value: number | undefined): number => value ?? 0;
const word = (value: bigint | undefined): bigint => value ?? 0n;

/** What is not known is 0. */
export function fromRecord(pid: number, record: TaskChange): ProcTask {
  return {
    pid,
    tgid: record.tgid ?? pid,
    parent: number(record.parent),
    comm: record.comm ?? "",
    state: record.state ?? "R",
    flags: number(record.flags),
    exitSignal: number(record.exitSignal),
    priority: record.priority ?? 20,
    nice: number(record.nice),
    minorFaults: number(record.minorFaults),
    majorFaults: number(record.majorFaults),
    userTime: word(record.userTime),
    systemTime: word(record.systemTime),
    startTime: word(record.startTime),
    uids: IDS.map((prefix) => number(record[`${prefix}uid`])),
    gids: IDS.map((prefix) => number(record[`${prefix}gid`])),
    capabilities: CAPABILITIES.map((set) => word(record[set])),
    voluntarySwitches: number(record.voluntarySwitches),
    involuntarySwitches: number(record.involuntarySwitches),
    descriptors: number(record.descriptors),
    memory: {
      startCode: word(record.startCode),
      endCode: word(record.endCode),
      startStack: word(record.startStack),
      startData: word(record.startData),
      endData: word(record.endData),
      startBreak: word(record.startBreak),
      argStart: word(record.argStart),
      argEnd: word(record.argEnd),
      envStart: word(record.envStart),
      envEnd: word(record.envEnd),
      pages: word(record.pages),
    },
  };
}
