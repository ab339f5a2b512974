import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import {
  branchImmediate,
  call,
  encode,
  exit,
  loadMapValue,
  loadSigned,
  moveImmediate,
  store,
} from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { BtfKind } from "../btf/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../kernel/index.ts";
import { KernelTypes } from "./kernel-types.ts";
import { BPF_ATTACH_TYPE, BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";

/** What probes tell apart; one row of {@link PROBES} each. */
export type FeatureName =
  | "ringBuffer"
  | "cpuV2"
  | "cpuV3"
  | "cpuV4"
  | "currentTaskBtf"
  | "perfLink"
  | "kfuncCasts"
  | "trampolines"
  | "kprobeMulti"
  | "uprobeMulti"
  | "wideMapOffsets";

type Probe = (kernel: Kernel) => boolean;

const MOST_ANSWERS = 4096;

/**
 * One probe a feature: the kernel is asked to do the least thing that needs it. Versions are not looked at,
 * since distributions backport.
 */
const PROBES: Readonly<Record<FeatureName, Probe>> = {
  /** BPF_MAP_TYPE_RINGBUF (5.8). */
  ringBuffer: (kernel) =>
    createsMap(kernel, {
      map_type: BPF_MAP_TYPE.RINGBUF,
      key_size: 0,
      value_size: 0,
      max_entries: kernel.pageSize,
    }),
  /** Signed and unsigned less-than jumps (4.14). */
  cpuV2: (kernel) => loads(kernel, [moveImmediate(0, 0), branchImmediate("JLT", 0, 1, 0), exit()]),
  /** 32-bit jumps (5.1). */
  cpuV3: (kernel) => loads(kernel, [moveImmediate(0, 0), branchImmediate("JEQ", 0, 1, 0, 32), exit()]),
  /** Sign-extending loads and their kin (6.6). */
  cpuV4: (kernel) =>
    loads(kernel, [
      moveImmediate(0, 0),
      store(8, 10, -8, 0),
      loadSigned(1, 0, 10, -8),
      moveImmediate(0, 0),
      exit(),
    ]),
  currentTaskBtf: (kernel) => hasHelper(kernel, BPF_PROG_TYPE.RAW_TRACEPOINT, BPF_FUNC.get_current_task_btf),
  /** LINK_CREATE on perf events (5.15). */
  perfLink: (kernel) => knowsLink(kernel, BPF_ATTACH_TYPE.PERF_EVENT),
  /** bpf_rdonly_cast and the other kfuncs of 6.2, told by their BTF. */
  kfuncCasts: (kernel) => btfNames(kernel, "bpf_rdonly_cast"),
  /** fentry and fexit (5.5), tried on a function that only test runs call. */
  trampolines: (kernel) => attachesTrampoline(kernel, "bpf_fentry_test1"),
  /** One link for many kprobes (5.18), which needs CONFIG_FPROBE: it looks for the symbols last. */
  kprobeMulti: (kernel) =>
    refusal(kernel, BPF_ATTACH_TYPE.TRACE_KPROBE_MULTI, {
      "kprobe_multi.syms": ["bpfkit_no_such_function"],
      "kprobe_multi.cnt": 1,
    }) === ERRNO.ESRCH,
  /** One link for many uprobes (6.6), which also tells programs the address of their function: a folder has no code. */
  uprobeMulti: (kernel) =>
    refusal(kernel, BPF_ATTACH_TYPE.TRACE_UPROBE_MULTI, {
      "uprobe_multi.path": "/",
      "uprobe_multi.offsets": new Uint8Array(8),
      "uprobe_multi.cnt": 1,
    }) === ERRNO.EBADF,
  /** Addresses of map values beyond 512 MiB, as arenas have them (7.1). */
  wideMapOffsets: (kernel) => takesMapOffset(kernel, 2 ** 30),
};

/** No map is that large; the verifier says so only where it takes the offset as such. */
function takesMapOffset(kernel: Kernel, offset: number): boolean {
  const map = kernel.bpf("MAP_CREATE", {
    map_type: BPF_MAP_TYPE.ARRAY,
    key_size: 4,
    value_size: 1,
    max_entries: 1,
  });
  const log_buf = new Uint8Array(4096);
  try {
    const insns = encode([...loadMapValue(1, Number(map), offset), exit()]);
    const prog_type = BPF_PROG_TYPE.SOCKET_FILTER;
    kernel.close(kernel.bpf("PROG_LOAD", { prog_type, insns, license: "GPL", log_buf, log_level: 1 }));
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    refuseDenial(error);
    return error.log.includes("invalid access to map value pointer");
  } finally {
    kernel.close(map);
  }
}

/**
 * The kernel's answers, asked for on demand and kept for the boot.
 *
 * @example
 * ```ts
 * import { BPF_MAP_TYPE, Features, openKernel } from "bpfkit";
 *
 * using kernel = await openKernel();
 * const features = new Features(kernel);
 * console.log(features.hasMapType(BPF_MAP_TYPE.HASH), features.hasMapType(9999));
 * // prints true false
 * ```
 */
export class Features {
  readonly #kernel: Kernel;
  readonly #store: FeatureStore;
  readonly #answers: Map<string, boolean>;
  readonly #without: ReadonlySet<FeatureName>;

  /** `without`: what is not to be used, whatever the kernel says. */
  constructor(
    kernel: Kernel,
    store: FeatureStore = fileStore(kernel),
    without: ReadonlySet<FeatureName> = new Set(),
  ) {
    this.#kernel = kernel;
    this.#store = store;
    this.#without = without;
    this.#answers = store.read();
  }

  has(name: FeatureName): boolean {
    return !this.#without.has(name) && this.#answer(name, PROBES[name]);
  }

  /** Whether programs of a type may call a helper (a BPF_FUNC number). */
  hasHelper(programType: number, helper: number): boolean {
    return this.#answer(`helper:${programType}:${helper}`, (kernel) =>
      hasHelper(kernel, programType, helper),
    );
  }

  hasMapType(type: number): boolean {
    return this.#answer(`map:${type}`, (kernel) =>
      createsMap(kernel, { map_type: type, key_size: 4, value_size: 4, max_entries: 1 }),
    );
  }

  #answer(name: string, probe: Probe): boolean {
    let answer = this.#answers.get(name);
    if (answer === undefined) {
      answer = probe(this.#kernel);
      if (this.#answers.size < MOST_ANSWERS) this.#answers.set(name, answer);
      this.#store.write(this.#answers);
    }
    return answer;
  }
}

/** Where answers outlive the process. */
export interface FeatureStore {
  read(): Map<string, boolean>;
  write(answers: ReadonlyMap<string, boolean>): void;
}

/** Raised when a probe's meaning changes. */
const STORE_VERSION = 3;

/**
 * One file below XDG_CACHE_HOME for each user, since answers depend on rights; it holds the answers of one
 * boot. A cache that cannot be read or written is none.
 */
export function fileStore(kernel: Kernel): FeatureStore {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const path = join(cache, "bpfkit", `features-${kernel.release.arch}-${process.geteuid?.()}.json`);
  const boot = `${STORE_VERSION} ${kernel.files.bootId()}`;
  return {
    read() {
      try {
        return parseStore(readFileSync(path, "utf8"), boot);
      } catch {
        return new Map();
      }
    },
    write(answers) {
      try {
        mkdirSync(dirname(path), { recursive: true });
        // Two processes may write at once: each replaces the whole file.
        writeFileSync(
          `${path}.${process.pid}`,
          JSON.stringify({ boot, answers: Object.fromEntries(answers) }),
        );
        renameSync(`${path}.${process.pid}`, path);
      } catch {
        // A read-only home is no reason not to trace.
      }
    },
  };
}

/** The answers of that boot; none of another, or of a file that is something else. */
function parseStore(text: string, boot: string): Map<string, boolean> {
  const json: unknown = JSON.parse(text);
  if (typeof json !== "object" || json === null || !("boot" in json) || json.boot !== boot) return new Map();
  const answers: unknown = "answers" in json ? json.answers : undefined;
  if (typeof answers !== "object" || answers === null) return new Map();
  return new Map(
    Object.entries(answers).flatMap(([name, answer]) =>
      typeof answer === "boolean" ? [[name, answer] as const] : [],
    ),
  );
}

/** For kernels and tests whose answers must not be kept. */
export function memoryStore(): FeatureStore {
  return { read: () => new Map(), write: () => undefined };
}

function loads(kernel: Kernel, insns: readonly Insn[]): boolean {
  return succeeds(kernel, () =>
    kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.SOCKET_FILTER,
      insns: encode(insns),
      license: "GPL",
    }),
  );
}

function createsMap(kernel: Kernel, attr: BpfAttr["MAP_CREATE"]): boolean {
  return succeeds(kernel, () => kernel.bpf("MAP_CREATE", attr));
}

/** The verifier names helpers that a program type lacks before it looks at their arguments. */
function hasHelper(kernel: Kernel, programType: number, helper: number): boolean {
  const log_buf = new Uint8Array(4096);
  try {
    kernel.close(
      kernel.bpf("PROG_LOAD", {
        prog_type: programType,
        insns: encode([call(helper), moveImmediate(0, 0), exit()]),
        license: "GPL",
        log_buf,
        log_level: 1,
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    refuseDenial(error);
    return (
      error.log !== "" &&
      !/invalid func |unknown func |program of this type cannot use helper/.test(error.log)
    );
  }
}

/** A link on descriptor -1 fails with EBADF where its type is known, and with EINVAL where not. */
function knowsLink(kernel: Kernel, attachType: number): boolean {
  const program = kernel.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.TRACEPOINT,
    insns: encode([moveImmediate(0, 0), exit()]),
    license: "GPL",
  });
  try {
    kernel.close(kernel.bpf("LINK_CREATE", { prog_fd: program, target_fd: -1, attach_type: attachType }));
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return error.errno === ERRNO.EBADF;
  } finally {
    kernel.close(program);
  }
}

/** A kernel may refuse these programs as if a right were missing: others that need the same tell one from the other. */
function attachesTrampoline(kernel: Kernel, name: string): boolean {
  if (!kernel.files.hasBtf()) return false;
  using types = new KernelTypes(kernel);
  const target = types.find(name, BtfKind.Func);
  const tracepoint = types.find("btf_trace_sched_switch", BtfKind.Typedef);
  if (!target) return false;
  const load = (attachType: number, id: number): Fd =>
    kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.TRACING,
      expected_attach_type: attachType,
      attach_btf_id: id,
      insns: encode([moveImmediate(0, 0), exit()]),
      license: "GPL",
    });
  let program: Fd | undefined;
  try {
    program = load(BPF_ATTACH_TYPE.TRACE_FENTRY, target.id);
    kernel.close(kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program }));
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (tracepoint) kernel.close(load(BPF_ATTACH_TYPE.TRACE_RAW_TP, tracepoint.id));
    else refuseDenial(error);
    return false;
  } finally {
    if (program !== undefined) kernel.close(program);
  }
}

/** How the kernel refuses a link that cannot be: it looks at the link's kind first. */
function refusal(kernel: Kernel, attachType: number, attr: Partial<BpfAttr["LINK_CREATE"]>): number {
  let program: Fd | undefined;
  try {
    program = kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.KPROBE,
      expected_attach_type: attachType,
      insns: encode([moveImmediate(0, 0), exit()]),
      license: "GPL",
    });
    kernel.close(kernel.bpf("LINK_CREATE", { prog_fd: program, attach_type: attachType, ...attr }));
    return 0;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    refuseDenial(error);
    return error.errno;
  } finally {
    if (program !== undefined) kernel.close(program);
  }
}

/** A name in the strings of vmlinux BTF: cheaper than an index of its types. */
function btfNames(kernel: Kernel, name: string): boolean {
  return kernel.files.hasBtf() && Buffer.from(kernel.files.ownBtf()).includes(`\0${name}\0`);
}

function succeeds(kernel: Kernel, make: () => Fd): boolean {
  try {
    kernel.close(make());
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    refuseDenial(error);
    return false;
  }
}

/** A denied probe says nothing of the feature. */
function refuseDenial(error: SyscallError): void {
  if (error.errno === ERRNO.EPERM) throw error;
}
