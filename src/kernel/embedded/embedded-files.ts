import { readFileSync, readdirSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import { lazy } from "../../util/index.ts";
import type { Fd, HostFiles } from "../index.ts";
import { PROBE_PMU } from "./events/perf-event.ts";
import type { EventSource } from "./events/index.ts";
import { ownBtf } from "./types/index.ts";

export interface EmbeddedFilesOptions {
  readonly cpus: number;
  /** Raw BTF of the kernel that programs are to see. */
  readonly btf?: Uint8Array | undefined;
  readonly source?: EventSource | undefined;
  /** fdinfo of the embedded kernel's descriptors. */
  readonly describe: (fd: number) => string | undefined;
}

const HOST_BTF = "/sys/kernel/btf/vmlinux";

/** Files that this kernel answers itself: its perf PMUs. */
const OWN_FILES: Readonly<Record<string, string>> = {
  "/sys/bus/event_source/devices/uprobe/type": `${PROBE_PMU.uprobe}\n`,
  "/sys/bus/event_source/devices/uprobe/format/retprobe": "config:0\n",
};

/** The host's files, with the kernel's own in their place: those of its event source, of its descriptors, its CPUs. */
export class EmbeddedFiles implements HostFiles {
  readonly #options: EmbeddedFilesOptions;
  /** Types alone do no harm: without others programs see those of the kernel that this process runs on. */
  readonly #hostBtf: () => Uint8Array | undefined = lazy(() => fromHost(() => readFileSync(HOST_BTF)));

  readonly #ownBtf: () => Uint8Array = lazy(ownBtf);

  constructor(options: EmbeddedFilesOptions) {
    this.#options = options;
  }

  btf(module?: string): Uint8Array {
    const { btf, source } = this.#options;
    const vmlinux = (module ?? "vmlinux") === "vmlinux";
    if (vmlinux && btf) return btf;
    if (source?.files?.btf) return source.files.btf(module);
    if (vmlinux) return this.#hostBtf() ?? this.#ownBtf();
    throw new BpfkitError(`The embedded kernel has no module ${module}`, { code: "kernel/no-btf" });
  }

  ownBtf(): Uint8Array {
    return this.btf();
  }

  btfPath(): string {
    if (this.#options.btf) return "embedded";
    return this.#options.source?.files?.btfPath?.() ?? "embedded";
  }

  hasBtf(module?: string): boolean {
    if ((module ?? "vmlinux") === "vmlinux") return true;
    return this.#options.source?.files?.hasBtf?.(module) ?? false;
  }

  btfModules(): readonly string[] {
    return this.#options.source?.files?.btfModules?.() ?? [];
  }

  tracefs(path: string): string | undefined {
    return this.#options.source?.files?.tracefs?.(path);
  }

  tracefsDirectory(path: string): readonly string[] {
    return this.#options.source?.files?.tracefsDirectory?.(path) ?? [];
  }

  tracefsAppend(path: string, text: string): void {
    const append = this.#options.source?.files?.tracefsAppend;
    if (append) return append.call(this.#options.source?.files, path, text);
    throw noFile(path);
  }

  tracefsOpen(path: string): Disposable & { readonly fd: Fd } {
    const open = this.#options.source?.files?.tracefsOpen;
    if (open) return open.call(this.#options.source?.files, path);
    throw noFile(path);
  }

  tracefsPath(): string {
    const path = this.#options.source?.files?.tracefsPath;
    if (path) return path.call(this.#options.source?.files);
    throw noFile("instances");
  }

  kallsyms(): Uint8Array {
    return this.#options.source?.files?.kallsyms?.() ?? new Uint8Array(0);
  }

  read(path: string): Uint8Array | undefined {
    const [, fd] = /^\/proc\/(?:self|\d+)\/fdinfo\/(\d+)$/.exec(path) ?? [];
    const own = fd === undefined ? OWN_FILES[path] : this.#options.describe(Number(fd));
    if (own !== undefined) return Buffer.from(own);
    // A source with files of its own has the whole machine's: this one's are none of them.
    const files = this.#options.source?.files;
    if (files?.read) return files.read(path);
    // The real kernel's probes are not this one's.
    if (path.startsWith("/sys/bus/event_source/devices/kprobe/")) return undefined;
    return fromHost(() => readFileSync(path));
  }

  directory(path: string): readonly string[] {
    // Other processes' descriptors are the real kernel's.
    if (path === "/proc") return [String(process.pid)];
    const files = this.#options.source?.files;
    return (files?.directory ? files.directory(path) : fromHost(() => readdirSync(path))) ?? [];
  }

  cgroups(): ReadonlyMap<bigint, string> | undefined {
    return this.#options.source?.files?.cgroups?.();
  }

  possibleCpus(): readonly number[] {
    return Array.from({ length: this.#options.cpus }, (_, cpu) => cpu);
  }

  onlineCpus(): readonly number[] {
    return this.possibleCpus();
  }

  bootId(): string {
    return "embedded";
  }
}

function noFile(path: string): BpfkitError {
  return new BpfkitError(`The embedded kernel has no tracefs with ${path}`, { code: "kernel/no-tracefs" });
}

/** What is not there, or hidden from this user, is undefined. */
function fromHost<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
