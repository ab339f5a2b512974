import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ClockId, Kernel } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import {
  memoryOf,
  narrow,
  readUnsigned64,
  type Frame,
  type Integer,
  type Resolver,
  type WallClock,
} from "../report/index.ts";
import { KernelSymbols, UserSymbols } from "../symbols/index.ts";

const MILLION = 1_000_000n;
const BILLION = 1_000_000_000n;
const CGROUP_ROOT = "/sys/fs/cgroup";

/** Names that only the running system knows; each source is read when first asked. */
export class SystemResolver implements Resolver {
  readonly #kernel: Kernel;
  readonly #user: UserSymbols;
  readonly #maps: ReadonlyMap<string, LoadedMap>;
  /** Nanoseconds from each clock to wall-clock time. */
  readonly #offsets = new Map<ClockId, bigint>();
  #symbols: KernelSymbols | undefined;
  #users: ReadonlyMap<number, string> | undefined;
  #cgroups: ReadonlyMap<bigint, string> | undefined;

  constructor(kernel: Kernel, maps: ReadonlyMap<string, LoadedMap>) {
    this.#kernel = kernel;
    this.#maps = maps;
    this.#user = new UserSymbols(kernel.files);
  }

  /** Call while a process lives whose stacks may be shown after its end. */
  rememberProcess(pid: number): void {
    this.#user.remember(pid);
  }

  kernelFrame(address: Integer): Frame {
    this.#symbols ??= new KernelSymbols(this.#kernel.files.kallsyms());
    return frame(address, this.#symbols.resolve(BigInt(address)));
  }

  userFrame(address: Integer, pid: number): Frame {
    return frame(address, this.#user.resolve(BigInt(address), pid));
  }

  stack(map: string, id: number): readonly Integer[] | undefined {
    const key = new Uint8Array(Int32Array.of(id).buffer);
    const value = id < 0 ? undefined : this.#maps.get(map)?.lookup(key);
    if (!value) return undefined;
    const { view } = memoryOf(value);
    const addresses: Integer[] = [];
    for (let at = 0; at + 8 <= value.length; at += 8) {
      const address = readUnsigned64(view, at);
      if (address === 0) break;
      addresses.push(address);
    }
    return addresses;
  }

  username(uid: number): string {
    this.#users ??= readUsers(this.#kernel);
    return this.#users.get(uid) ?? "";
  }

  cgroupPath(id: Integer): string {
    this.#cgroups ??= this.#kernel.files.cgroups?.() ?? readCgroups();
    const path = this.#cgroups.get(BigInt(id));
    return path === undefined ? "" : `unified:${path}`;
  }

  now(): number {
    return Number(this.#kernel.clock("realtime") / MILLION);
  }

  wallClock(nanoseconds: Integer, clock: "boot" | "monotonic" | "tai"): WallClock {
    const id = clock === "boot" ? "boottime" : clock;
    let offset = this.#offsets.get(id);
    if (offset === undefined) {
      offset = this.#kernel.clock("realtime") - this.#kernel.clock(id);
      this.#offsets.set(id, offset);
    }
    const time = BigInt(nanoseconds) + offset;
    const seconds = time / BILLION;
    return { seconds: Number(seconds), nanoseconds: Number(time - seconds * BILLION) };
  }
}

function frame(
  address: Integer,
  found: { readonly name: string; readonly offset: number; readonly module?: string } | undefined,
): Frame {
  const exact = typeof address === "bigint" ? narrow(address) : address;
  if (!found) return { address: exact };
  const { name, offset, module } = found;
  return { address: exact, symbol: name, offset, ...(module !== undefined && { module }) };
}

function readUsers({ files }: Kernel): Map<number, string> {
  const lines = Buffer.from(files.read("/etc/passwd") ?? [])
    .toString("utf8")
    .split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [name, , uid] = line.split(":");
      return name && uid ? [[Number(uid), name] as const] : [];
    }),
  );
}

/** A cgroup's id is the inode number of its directory (kernel/cgroup/cgroup.c). */
function readCgroups(): Map<bigint, string> {
  const found = new Map<bigint, string>();
  const walk = (path: string): void => {
    try {
      found.set(statSync(join(CGROUP_ROOT, path), { bigint: true }).ino, path);
      for (const entry of readdirSync(join(CGROUP_ROOT, path), { withFileTypes: true })) {
        if (entry.isDirectory()) walk(join(path, entry.name));
      }
    } catch {
      // A cgroup may go away while its tree is walked.
    }
  };
  walk("/");
  return found;
}
