import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { cpio, type CpioEntry } from "./cpio.ts";
import { busybox } from "./kernels.ts";
import { repository } from "./repository.ts";

/** What of the repository lies in the guest's /bpfkit. */
const PROJECT = ["package.json", "dist", "examples", "tools", "test/programs"];
const PACKAGES = ["koffi", "@koromix", "@alexaltea"];
const LAUNCHER = '#!/bin/sh\nexec node /bpfkit/dist/bin/bpfkit.js "$@"\n';

/** A folder of this machine and where it appears in the guest (`bpfkit/bench`). */
export interface Folder {
  readonly from: string;
  readonly to: string;
}

/** The guest's whole file system, as an initramfs: busybox, Node, the built project, and more folders. */
export function image(folders: readonly Folder[]): Buffer {
  const root = repository();
  const here = join(root, "test", "guest");
  return cpio([
    file("init", readFileSync(join(here, "init.sh")), 0o755),
    file("agent.mjs", readFileSync(join(here, "agent.mjs"))),
    file("bin/busybox", readFileSync(busybox()), 0o755),
    file("usr/bin/node", readFileSync(process.execPath), 0o755),
    ...libraries(process.execPath),
    // Where `libc` as a probe's target is looked up.
    ...tree("/etc/ld.so.cache", "etc/ld.so.cache"),
    ...["proc", "sys", "dev", "tmp", "run", "root", "etc"].map(directory),
    ...PROJECT.flatMap((path) => tree(join(root, path), `bpfkit/${path}`)),
    ...PACKAGES.flatMap((name) => tree(join(root, "node_modules", name), `bpfkit/node_modules/${name}`)),
    file("bpfkit/bpfkit", Buffer.from(LAUNCHER), 0o755),
    { path: "usr/bin/bpfkit", kind: "symlink", target: "/bpfkit/bpfkit" },
    ...folders.flatMap(({ from, to }) => tree(from, to)),
  ]);
}

/** The files of a folder (or the file itself) on this machine, under another path in the guest. */
export function tree(from: string, to: string): CpioEntry[] {
  if (!existsSync(from)) return [];
  const status = statSync(from);
  if (!status.isDirectory()) return [file(to, readFileSync(from), status.mode & 0o777)];
  return readdirSync(from, { withFileTypes: true }).flatMap((item): CpioEntry[] => {
    const [source, path] = [join(from, item.name), `${to}/${item.name}`];
    if (item.isSymbolicLink()) return [{ path, kind: "symlink", target: readlinkSync(source) }];
    if (item.isDirectory()) return [directory(path), ...tree(source, path)];
    return item.isFile() ? tree(source, path) : [];
  });
}

function file(path: string, bytes: Uint8Array, mode = 0o644): CpioEntry {
  return { path, kind: "file", mode, bytes };
}

function directory(path: string): CpioEntry {
  return { path, kind: "directory" };
}

/** The shared libraries that a program needs, under the paths where its loader looks for them. */
function libraries(program: string): CpioEntry[] {
  const listed = execFileSync("ldd", [program], { encoding: "utf8" });
  const paths = [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path!);
  return [...new Set(paths)].map((path) => file(path.slice(1), readFileSync(path), 0o755));
}
