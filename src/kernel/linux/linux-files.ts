import { appendFileSync, closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import { asFd } from "../index.ts";
import type { Fd, HostFiles } from "../index.ts";
import { readBtfFile } from "./btf-file.ts";

export interface LinuxFilesOptions {
  /** As uname prints it. */
  readonly release: string;
  /** The user's own BTF file. */
  readonly btf?: string;
  /** A file of the kernel as memory; undefined where that is not possible. */
  readonly mapFile: (path: string) => Uint8Array | undefined;
  /** Finds or makes tracefs; called once, when first needed. */
  readonly openTracefs: () => string;
}

const KERNEL_BTF = "/sys/kernel/btf";
const VMLINUX = `${KERNEL_BTF}/vmlinux`;

export class LinuxFiles implements HostFiles {
  readonly #options: LinuxFilesOptions;
  readonly #btf = new Map<string, Uint8Array>();
  #ownBtf: Uint8Array | undefined;
  #btfPath: string | undefined;
  #tracefs: string | undefined;
  #possibleCpus: readonly number[] | undefined;

  constructor(options: LinuxFilesOptions) {
    this.#options = options;
  }

  btf(module = "vmlinux"): Uint8Array {
    let bytes = this.#btf.get(module);
    if (!bytes) {
      bytes = module === "vmlinux" ? this.#kernelBtf(this.btfPath()) : this.#moduleBtf(module);
      this.#btf.set(module, bytes);
    }
    return bytes;
  }

  ownBtf(): Uint8Array {
    if (this.#options.btf === undefined || !existsSync(VMLINUX)) return this.btf();
    return (this.#ownBtf ??= this.#kernelBtf(VMLINUX));
  }

  btfPath(): string {
    this.#btfPath ??= this.#findBtf();
    if (this.#btfPath !== undefined) return this.#btfPath;
    throw new BpfkitError(`The kernel's types (BTF) were not found for ${this.#options.release}`, {
      code: "kernel/no-btf",
      hints: [
        `Looked for ${VMLINUX} (CONFIG_DEBUG_INFO_BTF) and for vmlinux files of this release below /boot, /lib/modules and /usr/lib/debug`,
        "Give a file with --btf FILE: raw BTF, or a vmlinux with a .BTF section (from the distribution's kernel debug package, or from BTFhub for older kernels)",
      ],
    });
  }

  hasBtf(module = "vmlinux"): boolean {
    if (module === "vmlinux") return (this.#btfPath ??= this.#findBtf()) !== undefined;
    return existsSync(`${KERNEL_BTF}/${module}`);
  }

  btfModules(): readonly string[] {
    return this.directory(KERNEL_BTF).filter((name) => name !== "vmlinux");
  }

  tracefs(path: string): string | undefined {
    return readOrUndefined(() => readFileSync(`${this.#tracefsRoot()}/${path}`, "utf8"));
  }

  tracefsDirectory(path: string): readonly string[] {
    return this.directory(`${this.#tracefsRoot()}/${path}`);
  }

  tracefsOpen(path: string): Disposable & { readonly fd: Fd } {
    const file = `${this.#tracefsRoot()}/${path}`;
    let fd: number;
    try {
      fd = openSync(file, "r");
    } catch (cause) {
      throw new BpfkitError(
        `Cannot open ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
        {
          code: "kernel/no-tracefs",
          hints: ["tracefs is for root: run as root"],
          cause,
        },
      );
    }
    return { fd: asFd(fd), [Symbol.dispose]: () => closeSync(fd) };
  }

  tracefsPath(): string {
    return this.#tracefsRoot();
  }

  tracefsAppend(path: string, text: string): void {
    appendFileSync(`${this.#tracefsRoot()}/${path}`, text);
  }

  kallsyms(): Uint8Array {
    return this.read("/proc/kallsyms") ?? new Uint8Array(0);
  }

  read(path: string): Uint8Array | undefined {
    return readOrUndefined(() => readFileSync(path));
  }

  directory(path: string): readonly string[] {
    return readOrUndefined(() => readdirSync(path)) ?? [];
  }

  possibleCpus(): readonly number[] {
    return (this.#possibleCpus ??= this.#cpus("possible"));
  }

  onlineCpus(): readonly number[] {
    return this.#cpus("online");
  }

  bootId(): string {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  }

  #cpus(list: string): readonly number[] {
    return parseCpuList(readFileSync(`/sys/devices/system/cpu/${list}`, "latin1"));
  }

  #tracefsRoot(): string {
    return (this.#tracefs ??= this.#options.openTracefs());
  }

  #findBtf(): string | undefined {
    const { btf, release } = this.#options;
    if (btf !== undefined) return btf;
    return [
      VMLINUX,
      `/boot/vmlinux-${release}`,
      `/lib/modules/${release}/vmlinux-${release}`,
      `/lib/modules/${release}/build/vmlinux`,
      `/usr/lib/modules/${release}/kernel/vmlinux`,
      `/usr/lib/debug/boot/vmlinux-${release}`,
      `/usr/lib/debug/boot/vmlinux-${release}.debug`,
      `/usr/lib/debug/lib/modules/${release}/vmlinux`,
    ].find((path) => existsSync(path));
  }

  /** The kernel hands out its megabytes page by page: its own memory comes sooner (Linux 6.16). */
  #kernelBtf(path: string): Uint8Array {
    return (path === VMLINUX ? this.#options.mapFile(path) : undefined) ?? readBtfFile(path);
  }

  #moduleBtf(module: string): Uint8Array {
    const bytes = this.read(`${KERNEL_BTF}/${module}`);
    if (bytes) return bytes;
    throw new BpfkitError(`The module ${module} has no BTF`, {
      code: "kernel/no-btf",
      hints: [
        `Load the module (modprobe ${module}); its kernel must be built with CONFIG_DEBUG_INFO_BTF_MODULES`,
      ],
    });
  }
}

/** `0-3,5` to 0, 1, 2, 3, 5. */
export function parseCpuList(text: string): readonly number[] {
  return text
    .trim()
    .split(",")
    .filter((range) => range !== "")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** Reads what may not exist, or may be hidden from this user; other failures are errors. */
function readOrUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "EACCES" || code === "EPERM" || code === "ENOTDIR" || code === "ESRCH")
      return undefined;
    throw error;
  }
}
