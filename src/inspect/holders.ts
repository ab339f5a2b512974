import { readlinkSync } from "node:fs";
import type { HostFiles } from "../kernel/index.ts";
import type { ObjectKind } from "./objects.ts";

/** A process that has an object open. */
export interface Holder {
  readonly pid: number;
  readonly comm: string;
}

/** Descriptors' names under /proc/PID/fd, and the field of fdinfo that holds the object's id. */
const KINDS: readonly { readonly kind: ObjectKind; readonly link: RegExp; readonly field: RegExp }[] = [
  { kind: "prog", link: /^anon_inode:bpf-prog$/, field: /^prog_id:\s*(\d+)/m },
  { kind: "map", link: /^anon_inode:bpf-map$/, field: /^map_id:\s*(\d+)/m },
  { kind: "link", link: /^anon_inode:bpf[_-]link$/, field: /^link_id:\s*(\d+)/m },
  { kind: "btf", link: /^anon_inode:btf$/, field: /^btf_id:\s*(\d+)/m },
];

/** Which processes hold which objects of a kind, by object id; only of processes that may be looked into. */
export function objectHolders(files: HostFiles, kind: ObjectKind): Map<number, Holder[]> {
  const row = KINDS.find((candidate) => candidate.kind === kind)!;
  const holders = new Map<number, Holder[]>();
  for (const name of files.directory("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const ids = new Set(
      files.directory(`/proc/${pid}/fd`).flatMap((fd) => heldId(files, pid, fd, row) ?? []),
    );
    if (ids.size === 0) continue;
    const comm = Buffer.from(files.read(`/proc/${pid}/comm`) ?? [])
      .toString()
      .trim();
    for (const id of ids) holders.set(id, [...(holders.get(id) ?? []), { pid, comm }]);
  }
  return holders;
}

function heldId(files: HostFiles, pid: number, fd: string, row: (typeof KINDS)[number]): number | undefined {
  if (!row.link.test(linkTarget(`/proc/${pid}/fd/${fd}`))) return undefined;
  const info = Buffer.from(files.read(`/proc/${pid}/fdinfo/${fd}`) ?? []).toString();
  const id = row.field.exec(info)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Empty for a descriptor that was closed meanwhile. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
