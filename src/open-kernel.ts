import { BpfkitError } from "./errors.ts";
import type { RecordingKernelOptions, ReplayKernel, ReplayKernelOptions } from "./kernel/embedded/index.ts";
import type { Kernel, ProcessHost, ProcessTracer, ProcessTracerOptions } from "./kernel/index.ts";
import type { RecordingReader } from "./recording/index.ts";

export type KernelName = "linux" | "embedded";

/**
 * How a kernel is opened.
 */
export interface KernelOptions {
  /**
   * `linux`: the running kernel. `embedded`: the one in this process, which needs no rights. Where it is not given,
   * what the environment variable BPFKIT_KERNEL says, else `linux`.
   */
  readonly kernel?: KernelName | undefined;
  /**
   * Of the embedded kernel: whether every access of programs is checked as they run, as no verifier looks at them
   * before. On where it is not given; without, a program that goes wrong can harm the kernel that it runs on. `strict`
   * also refuses to read what was deleted and stack that was never written.
   */
  readonly checked?: boolean | "strict" | undefined;
  /** A file with the kernel's BTF, raw or inside an ELF file, in place of the running kernel's own. */
  readonly btf?: string;
}

/**
 * Opens the kernel that programs are loaded into; its room, and with it the FFI, is loaded only here.
 * @throws BpfkitError if the host has no kernel that bpfkit can call
 *
 * @example
 * ```ts
 * import { BPF_MAP_TYPE, openKernel } from "bpfkit";
 *
 * using kernel = await openKernel();
 * const fd = kernel.bpf("MAP_CREATE", { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size: 8, max_entries: 1 });
 * kernel.bpf("MAP_UPDATE_ELEM", { map_fd: fd, key: new Uint8Array(4), value: new Uint8Array(8).fill(1) });
 * const value = new Uint8Array(8);
 * console.log(kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: fd, key: new Uint8Array(4), value }), value[0]);
 * kernel.close(fd);
 * // prints true 1
 * ```
 */
export async function openKernel({ kernel, btf, checked }: KernelOptions = {}): Promise<Kernel> {
  if ((kernel ?? kernelName(process.env["BPFKIT_KERNEL"] || "linux")) === "embedded") {
    const { openEmbeddedKernel } = await import("./kernel/embedded/index.ts");
    return openEmbeddedKernel({
      ...(btf !== undefined && { btf: await readBtf(btf) }),
      ...(checked !== undefined && { checked }),
    });
  }
  const { openLinuxKernel } = await import("./kernel/linux/index.ts");
  return openLinuxKernel(btf === undefined ? {} : { btf });
}

/** The embedded kernel with the events of processes that run under ptrace. */
export interface TracingKernel {
  readonly kernel: Kernel;
  readonly processes: ProcessHost & Disposable;
}

/** @throws BpfkitError where processes cannot be traced */
export async function openTracingKernel(): Promise<TracingKernel> {
  const [{ openEmbeddedKernel, ProcessSource }, linux] = await Promise.all([
    import("./kernel/embedded/index.ts"),
    import("./kernel/linux/index.ts"),
  ]);
  const processes = new ProcessSource(process.arch, () =>
    linux.openProcessTracer({ follow: true, calls: [] }),
  );
  return { kernel: openEmbeddedKernel({ source: processes }), processes };
}

/**
 * The same, with a recording of what the processes do.
 * @throws BpfkitError where processes cannot be traced
 */
export async function openRecordingTracer(options: RecordingKernelOptions): Promise<TracingKernel> {
  const [{ openRecordingKernel }, linux] = await Promise.all([
    import("./kernel/embedded/index.ts"),
    import("./kernel/linux/index.ts"),
  ]);
  return openRecordingKernel(() => linux.openProcessTracer({ follow: true, calls: [] }), options);
}

/** The embedded kernel with the events of a recording; it needs no Linux. @throws RecordingError */
export async function openReplay(
  reader: RecordingReader,
  options: ReplayKernelOptions = {},
): Promise<ReplayKernel> {
  const { openReplayKernel } = await import("./kernel/embedded/index.ts");
  return openReplayKernel(reader, options);
}

/** @throws BpfkitError `kernel/unknown` for what names no kernel */
export function kernelName(name: string): KernelName {
  if (name === "linux" || name === "embedded") return name;
  throw new BpfkitError(`There is no kernel ${name}`, {
    code: "kernel/unknown",
    hints: ["There are linux and embedded"],
  });
}

async function readBtf(path: string): Promise<Uint8Array> {
  const [{ btfFromFile }, { readFile }] = await Promise.all([
    import("./btf/index.ts"),
    import("node:fs/promises"),
  ]);
  return btfFromFile(await readFile(path)).bytes;
}

/**
 * What follows processes by ptrace(2).
 * @throws BpfkitError where there is none
 */
export async function openProcessTracer(options: ProcessTracerOptions): Promise<ProcessTracer> {
  const linux = await import("./kernel/linux/index.ts");
  return linux.openProcessTracer(options);
}
