import { readdirSync, readlinkSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { readText } from "./proc-files.ts";

/** A file, as struct file and struct inode have it. */
export interface OpenFile {
  readonly fd: number;
  /** As /proc shows it: `/etc/passwd`, `socket:[1234]`. */
  readonly path: string;
  /** O_* of open(2). */
  readonly flags: number;
  readonly position: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: bigint;
  readonly inode: bigint;
  /** As the kernel numbers devices: 12 bits of major, 20 of minor. */
  readonly device: number;
  readonly specialDevice: number;
}

export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  /** VM_READ, VM_WRITE, VM_EXEC, VM_SHARED or VM_MAYSHARE (include/linux/mm.h). */
  readonly flags: bigint;
  /** In the file, bytes. */
  readonly offset: bigint;
  readonly file: OpenFile | undefined;
}

/** Ids of all threads that this user may see, ascending. */
export function readThreads(): number[] {
  const processes = list("/proc").filter((name) => /^\d+$/.test(name));
  const threads = processes.flatMap((pid) => list(`/proc/${pid}/task`).map(Number));
  return threads.sort((a, b) => a - b);
}

export function readOpenFiles(pid: number): OpenFile[] {
  return list(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((fd) => readOpenFile(pid, fd) ?? []);
}

function readOpenFile(pid: number, fd: number): OpenFile | undefined {
  const info = readText(`/proc/${pid}/fdinfo/${fd}`);
  try {
    const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
    const stats = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true });
    return {
      ...inodeOf(stats),
      fd,
      path,
      flags: Number.parseInt(/^flags:\s*(\d+)/m.exec(info ?? "")?.[1] ?? "0", 8),
      position: BigInt(/^pos:\s*(\d+)/m.exec(info ?? "")?.[1] ?? 0),
    };
  } catch {
    // Closed meanwhile, or not ours to look at.
    return undefined;
  }
}

const LINE = /^([\da-f]+)-([\da-f]+) (\S{4}) ([\da-f]+) ([\da-f]+):([\da-f]+) (\d+)\s*(.*)$/;
const PERMISSIONS = ["r", "w", "x", "s"] as const;

export function readMappings(pid: number): Mapping[] {
  const lines = (readText(`/proc/${pid}/maps`) ?? "").split("\n");
  return lines.flatMap((line) => {
    const [, start, end, permissions = "", offset, major, minor, inode = "0", path = ""] =
      LINE.exec(line) ?? [];
    if (start === undefined) return [];
    const flags = PERMISSIONS.reduce(
      (sum, letter, bit) => sum | (permissions[bit] === letter ? 1 << bit : 0),
      0,
    );
    const file: OpenFile | undefined =
      inode === "0"
        ? undefined
        : {
            fd: -1,
            path,
            flags: 0,
            position: 0n,
            mode: 0o100000,
            uid: 0,
            gid: 0,
            size: 0n,
            inode: BigInt(inode),
            device: kernelDevice(Number.parseInt(major!, 16), Number.parseInt(minor!, 16)),
            specialDevice: 0,
          };
    return [
      {
        start: BigInt(`0x${start}`),
        end: BigInt(`0x${end}`),
        flags: BigInt(flags),
        offset: BigInt(`0x${offset}`),
        file,
      },
    ];
  });
}

type Inode = Pick<OpenFile, "mode" | "uid" | "gid" | "size" | "inode" | "device" | "specialDevice">;

function inodeOf(stats: BigIntStats): Inode {
  return {
    mode: Number(stats.mode),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: stats.size,
    inode: stats.ino,
    device: fromUserDevice(stats.dev),
    specialDevice: fromUserDevice(stats.rdev),
  };
}

/** stat(2) has the numbers of a device in pieces (new_encode_dev in include/linux/kdev_t.h). */
function fromUserDevice(device: bigint): number {
  const number = Number(BigInt.asUintN(32, device));
  return kernelDevice((number & 0xfff00) >> 8, (number & 0xff) | ((number >> 12) & 0xfff00));
}

function kernelDevice(major: number, minor: number): number {
  return major * 2 ** 20 + minor;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // Gone, or not ours to look at.
    return [];
  }
}
