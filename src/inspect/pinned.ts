import { readdirSync } from "node:fs";
import type { Dirent } from "node:fs";
import { join } from "node:path";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { linkInfo } from "./link-info.ts";
import { mapInfo } from "./map-info.ts";
import { objectKind } from "./objects.ts";
import type { ObjectKind } from "./objects.ts";
import { programInfo } from "./program-info.ts";

/** Paths below BPF file systems, by the id of the object that is pinned there. */
export type PinnedPaths = ReadonlyMap<number, readonly string[]>;

const IDS: Readonly<Record<ObjectKind, (kernel: Kernel, fd: Fd) => number>> = {
  prog: (kernel, fd) => programInfo(kernel, fd).id,
  map: (kernel, fd) => mapInfo(kernel, fd).id,
  link: (kernel, fd) => linkInfo(kernel, fd).id,
  btf: () => 0,
};

/** Where the objects of a kind are pinned, in every BPF file system of this mount namespace. */
export function pinnedPaths(kernel: Kernel, kind: ObjectKind): PinnedPaths {
  const paths = new Map<number, string[]>();
  const mounts = Buffer.from(kernel.files.read("/proc/mounts") ?? []).toString();
  for (const [, root = ""] of mounts.matchAll(/^\S+ (\S+) bpf /gm))
    for (const path of filesBelow(root)) {
      const id = pinnedId(kernel, kind, path);
      if (id !== undefined) paths.set(id, [...(paths.get(id) ?? []), path]);
    }
  return paths;
}

/** Undefined for objects of another kind, iterators, and what was unpinned meanwhile. */
function pinnedId(kernel: Kernel, kind: ObjectKind, path: string): number | undefined {
  let fd: Fd;
  try {
    fd = kernel.bpf("OBJ_GET", { pathname: path });
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
  try {
    return objectKind(kernel, fd) === kind ? IDS[kind](kernel, fd) : undefined;
  } finally {
    kernel.close(fd);
  }
}

function* filesBelow(directory: string): Generator<string> {
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

/** None of a directory that goes away under the walk, or is somebody else's. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
