import type { Fd } from "./fd.ts";

/** What a host tells through files, read once and kept where it cannot change. */
export interface HostFiles {
  /**
   * Raw BTF of the kernel (no argument), from `--btf FILE`, /sys/kernel/btf or a file under /boot, or of a
   * module.
   * @throws BpfkitError `kernel/no-btf` that says where it was looked for and where it can come from.
   */
  btf(module?: string): Uint8Array;
  /** As `btf()`, but never a file of `--btf` where the kernel has its own types: it takes ids of these alone. */
  ownBtf(): Uint8Array;
  /** Where `btf()` found the kernel's types. */
  btfPath(): string;
  hasBtf(module?: string): boolean;
  /** Modules that have BTF, without `vmlinux`. */
  btfModules(): readonly string[];

  /**
   * A file below tracefs, as `events/sched/sched_switch/format`; undefined if it is not there.
   * @throws BpfkitError `kernel/no-tracefs`
   */
  tracefs(path: string): string | undefined;
  /** Names in a directory below tracefs; empty if it is not there. */
  tracefsDirectory(path: string): readonly string[];
  /** A file below tracefs that is read as it grows, as `trace_pipe`; disposal closes it. */
  tracefsOpen(path: string): Disposable & { readonly fd: Fd };
  /** Where tracefs is, for what is more than a file to read: instances and pipes. @throws BpfkitError */
  tracefsPath(): string;
  /** Appends a line to a control file below tracefs. */
  tracefsAppend(path: string, text: string): void;

  /** /proc/kallsyms. */
  kallsyms(): Uint8Array;
  /** A file by its absolute path, as of /proc and /sys; undefined if it is not there or may not be read. */
  read(path: string): Uint8Array | undefined;
  directory(path: string): readonly string[];

  /** Paths of cgroups by id, where the machine's own are not those of the kernel. */
  cgroups?(): ReadonlyMap<bigint, string> | undefined;

  /** CPU numbers, ascending. Per-CPU values have one element for each possible CPU. */
  possibleCpus(): readonly number[];
  onlineCpus(): readonly number[];
  /** Names the boot, for caches: /proc/sys/kernel/random/boot_id. */
  bootId(): string;
}
