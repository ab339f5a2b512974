import { realpathSync, statSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { failure } from "../kernel-object.ts";
import type { Hook } from "../events/index.ts";
import { readText } from "./proc-files.ts";

export type UserHook = Extract<Hook, { kind: "uprobe" }>;

/** A place in a file's code, and what is attached there. */
export interface Location {
  /** In the file, bytes. */
  readonly offset: bigint;
  /** Of the counter (u16) that is above 0 while somebody listens; 0: none. */
  readonly counter: bigint;
  /** Names of hooks. */
  readonly enter: Set<string>;
  readonly leave: Set<string>;
}

/** A file that is probed. */
export interface ProbedFile {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
  readonly locations: Map<bigint, Location>;
}

/** A file's bytes in a process's memory. */
export interface Mapping {
  readonly file: ProbedFile;
  readonly start: bigint;
  readonly end: bigint;
  /** In the file. */
  readonly offset: bigint;
  readonly writable: boolean;
  readonly executable: boolean;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) .(.)(.)p ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) +(\/.*)$/gm;

/** The files that probes are in, by what the kernel knows files by. */
export class ProbedFiles {
  readonly #files: ProbedFile[] = [];
  readonly #byName = new Map<string, { readonly file: ProbedFile; readonly location: Location }>();

  get any(): boolean {
    return this.#byName.size > 0;
  }

  /** Some probe has a counter. */
  get counted(): boolean {
    return [...this.#byName.values()].some(({ location }) => location.counter > 0n);
  }

  /**
   * Undefined if there is no such file.
   * @throws KernelFailure EINVAL where the place has another counter already, as the kernel's uprobes
   */
  add(name: string, hook: UserHook): Location | undefined {
    const file = this.#open(hook.path);
    if (!file) return undefined;
    const location = file.locations.get(hook.offset) ?? {
      offset: hook.offset,
      counter: hook.counter,
      enter: new Set(),
      leave: new Set(),
    };
    if (location.counter !== hook.counter) throw failure("EINVAL");
    file.locations.set(hook.offset, location);
    (hook.return ? location.leave : location.enter).add(name);
    this.#byName.set(name, { file, location });
    return location;
  }

  /** The place that nothing is attached to any more. */
  remove(name: string): Location | undefined {
    const known = this.#byName.get(name);
    if (!known) return undefined;
    this.#byName.delete(name);
    const { file, location } = known;
    location.enter.delete(name);
    location.leave.delete(name);
    if (location.enter.size + location.leave.size > 0) return undefined;
    file.locations.delete(location.offset);
    return location;
  }

  /** The probed file that a descriptor of a process is open on; "unknown" where that cannot be seen. */
  opened(pid: number, fd: number): ProbedFile | undefined | "unknown" {
    const found = stat(`/proc/${pid}/fd/${fd}`);
    return found ? this.#files.find((file) => isSame(file, found)) : "unknown";
  }

  /** Where a process has probed files in its memory now. */
  mappings(process: number): Mapping[] {
    const maps = readText(`/proc/${process}/maps`) ?? "";
    const mappings: Mapping[] = [];
    for (const [, start, end, write, execute, offset, major, minor, inode = "0", path = ""] of maps.matchAll(
      LINE,
    )) {
      const device = deviceNumber(parseInt(major!, 16), parseInt(minor!, 16));
      const file = this.#find(process, path.replace(/ \(deleted\)$/, ""), device, BigInt(inode));
      if (file)
        mappings.push({
          file,
          start: BigInt(`0x${start}`),
          end: BigInt(`0x${end}`),
          offset: BigInt(`0x${offset}`),
          writable: write === "w",
          executable: execute === "x",
        });
    }
    return mappings;
  }

  /** Some file systems show other devices in maps than to stat(2): then the file is looked at by its path. */
  #find(process: number, path: string, device: bigint, inode: bigint): ProbedFile | undefined {
    return this.#files.find((file) => {
      if (file.inode === inode && (file.device === device || file.path === path)) return true;
      const found = file.path === path ? stat(`/proc/${process}/root${path}`) : undefined;
      return found !== undefined && isSame(file, found);
    });
  }

  #open(given: string): ProbedFile | undefined {
    let path: string;
    try {
      path = realpathSync(given);
    } catch {
      return undefined;
    }
    const found = stat(path);
    if (!found) return undefined;
    const known = this.#files.find((file) => isSame(file, found));
    if (known) return known;
    const file = { path, device: found.dev, inode: found.ino, locations: new Map<bigint, Location>() };
    this.#files.push(file);
    return file;
  }
}

function isSame({ device, inode }: ProbedFile, found: BigIntStats): boolean {
  return found.dev === device && found.ino === inode;
}

/** Undefined where there is no such file, or none that may be seen. */
function stat(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** makedev(3), as stat(2) gives it. */
function deviceNumber(major: number, minor: number): bigint {
  return (
    (BigInt(minor) & 0xffn) |
    ((BigInt(major) & 0xfffn) << 8n) |
    ((BigInt(minor) & ~0xffn) << 12n) |
    ((BigInt(major) & ~0xfffn) << 32n)
  );
}
