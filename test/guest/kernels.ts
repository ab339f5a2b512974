import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Apt } from "./apt.ts";
import { Unavailable } from "./unavailable.ts";

/** The kernels that guests boot: Debian's cloud builds, one for each release that people run. */
export const KERNELS = {
  "5.10": "bullseye",
  "6.1": "bookworm",
  "6.12": "trixie",
  "6.18": "trixie-backports",
  "7.2": "sid",
} as const;

export type KernelName = keyof typeof KERNELS;

export function isKernelName(name: string): name is KernelName {
  return name in KERNELS;
}

/** Where kernels and images are kept between runs. */
export const CACHE: string =
  process.env["BPFKIT_GUEST_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bpfkit", "guest");

let apt: Apt | undefined;

/** Path of the kernel's vmlinuz, downloaded on first use. */
export function kernelImage(name: KernelName): string {
  const folder = join(CACHE, "kernels", name);
  if (!existsSync(folder)) download(name, folder);
  const image = readdirSync(folder).find((file) => file.startsWith("vmlinuz"));
  if (!image) throw new Unavailable(`no vmlinuz in ${folder}`);
  return join(folder, image);
}

/** Debian's busybox-static, unpacked: the guest's shell and mount. */
export function busybox(): string {
  const folder = join(CACHE, "busybox");
  if (!existsSync(folder))
    unpackAtOnce(folder, (into) => archive().unpack("busybox-static", into, ["./*bin/busybox"]));
  const path = ["usr/bin/busybox", "bin/busybox"]
    .map((file) => join(folder, file))
    .find((file) => existsSync(file));
  if (path === undefined) throw new Unavailable(`no busybox in ${folder}`);
  return path;
}

function archive(): Apt {
  if (!apt) {
    apt = new Apt(join(CACHE, "apt"), Object.values(KERNELS));
    apt.update();
  }
  return apt;
}

/** Modules of the kernel that tests of network programs need: what hooks are on, and traffic control. */
const MODULES = ["dummy", "veth", "sch_ingress", "cls_bpf", "act_bpf"];

/** Folder with the kernel's {@link MODULES}, as `veth.ko`, for insmod; downloaded on first use. */
export function kernelModules(name: KernelName): string {
  const folder = join(CACHE, "modules", name);
  if (existsSync(folder)) return folder;
  kernelImage(name);
  const holder = packageOf(name, "modules");
  unpackAtOnce(folder, (into) => {
    const files = MODULES.map((module) => `*/${module}.ko*`);
    archive().unpack(holder, into, ["--transform=s,.*/,,", ...files]);
    // busybox's insmod may know no xz.
    for (const file of readdirSync(into))
      if (file.endsWith(".xz")) execFileSync("xz", ["-d", join(into, file)]);
  });
  return folder;
}

function download(name: KernelName, folder: string): void {
  const holder = packageOf(name, "binary");
  unpackAtOnce(folder, (into) => {
    archive().unpack(holder, into, ["--transform=s,.*/,,", "--exclude=*.ko*", "*/vmlinuz*"]);
  });
}

/** The package that holds a part of the newest kernel; from 6.19 on that is no longer the image package. */
function packageOf(name: KernelName, part: "binary" | "modules"): string {
  const release = new RegExp(`^linux-image-(${name.replace(".", "\\.")}\\.[\\w.+-]*-cloud-amd64)$`);
  const names = archive().names("linux-");
  const newest = names
    .map((candidate) => release.exec(candidate)?.[1])
    .filter((candidate) => candidate !== undefined)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1);
  if (newest === undefined) throw new Unavailable(`apt has no cloud kernel ${name}`);
  const holder = `linux-${part}-${newest}`;
  return names.includes(holder) ? holder : `linux-image-${newest}`;
}

/** A folder that exists is whole: it is made under another name first. */
function unpackAtOnce(folder: string, unpack: (into: string) => void): void {
  const partial = `${folder}.${process.pid}.partial`;
  mkdirSync(partial, { recursive: true });
  try {
    unpack(partial);
    if (!existsSync(folder)) renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
