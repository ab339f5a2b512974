import { readFileSync, readlinkSync, statSync } from "node:fs";

/** What /proc tells of a thread. Times in nanoseconds, sizes in bytes. */
export interface ProcTask {
  readonly pid: number;
  readonly tgid: number;
  /** Of the process that its end is told to. */
  readonly parent: number;
  readonly comm: string;
  readonly state: string;
  readonly flags: number;
  readonly exitSignal: number;
  readonly priority: number;
  readonly nice: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly userTime: bigint;
  readonly systemTime: bigint;
  /** Since boot. */
  readonly startTime: bigint;
  /** real, effective, saved, file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** inheritable, permitted, effective, bounding, ambient. */
  readonly capabilities: readonly bigint[];
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  readonly descriptors: number;
  readonly memory: ProcMemory;
}

export interface ProcMemory {
  readonly startCode: bigint;
  readonly endCode: bigint;
  readonly startStack: bigint;
  readonly startData: bigint;
  readonly endData: bigint;
  readonly startBreak: bigint;
  readonly argStart: bigint;
  readonly argEnd: bigint;
  readonly envStart: bigint;
  readonly envEnd: bigint;
  readonly pages: bigint;
}

/** USER_HZ is 100 on every architecture that bpfkit knows. */
const NANOSECONDS_A_TICK = 10_000_000n;
const PAGE = 4096n;
/** fs/proc/array.c names the states; include/linux/sched.h numbers them. */
const CAPABILITY_FIELDS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] as const;

/** Undefined where the thread is gone. Of other users' processes the kernel hides some numbers, which are 0 then. */
export function readProcTask(pid: number): ProcTask | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const status = readText(`/proc/${pid}/status`);
  const end = stat?.lastIndexOf(")") ?? -1;
  if (stat === undefined || status === undefined || end < 0) return undefined;
  // Fields from the third on: proc_pid_stat(5).
  const words = stat.slice(end + 2).split(" ");
  const word = (number: number): string => words[number - 3] ?? "0";
  const wide = (number: number): bigint => BigInt(word(number));
  const fields = new Map(
    [...status.matchAll(/^(\w+):\s*(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  const numbers = (name: string): number[] => (fields.get(name) ?? "").split(/\s+/).map(Number);
  const [number = 0] = numbers("Tgid");
  return {
    pid,
    tgid: number,
    parent: Number(word(4)),
    comm: stat.slice(stat.indexOf("(") + 1, end),
    state: word(3),
    flags: Number(word(9)),
    minorFaults: Number(word(10)),
    majorFaults: Number(word(12)),
    userTime: wide(14) * NANOSECONDS_A_TICK,
    systemTime: wide(15) * NANOSECONDS_A_TICK,
    priority: Number(word(18)),
    nice: Number(word(19)),
    startTime: wide(22) * NANOSECONDS_A_TICK,
    exitSignal: Number(word(38)),
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    capabilities: CAPABILITY_FIELDS.map((name) => BigInt(`0x${fields.get(name) ?? "0"}`)),
    voluntarySwitches: numbers("voluntary_ctxt_switches")[0] ?? 0,
    involuntarySwitches: numbers("nonvoluntary_ctxt_switches")[0] ?? 0,
    descriptors: numbers("FDSize")[0] ?? 0,
    memory: {
      pages: wide(23) / PAGE,
      startCode: wide(26),
      endCode: wide(27),
      startStack: wide(28),
      startData: wide(45),
      endData: wide(46),
      startBreak: wide(47),
      argStart: wide(48),
      argEnd: wide(49),
      envStart: wide(50),
      envEnd: wide(51),
    },
  };
}

export function readComm(pid: number): string {
  return (readText(`/proc/${pid}/comm`) ?? "").replace(/\n$/, "");
}

/** Inode of a namespace, which names it; 0 where it may not be seen. */
export function namespaceInode(pid: number, kind: string): number {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** In the unified hierarchy. */
export interface Cgroup {
  readonly path: string;
  readonly id: bigint;
}

export function cgroupOf(pid: number): Cgroup {
  const path = /^0::(.*)$/m.exec(readText(`/proc/${pid}/cgroup`) ?? "")?.[1] ?? "/";
  for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    try {
      return { path, id: statSync(root + path, { bigint: true }).ino };
    } catch {
      // Not mounted here, or not visible from this namespace.
    }
  }
  return { path, id: 1n };
}

/** A file or text of /proc; undefined where the process is gone, or is not ours to look at. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
