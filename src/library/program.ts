import { attach, AttachError, sectionHook } from "../attach/index.ts";
import type { AttachContext, Hook, HookPlaces, Link, UsdtSpecs } from "../attach/index.ts";
import type { ProgramInfo } from "../inspect/index.ts";
import { programInfo } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Features, LoadedProgram } from "../loader/index.ts";
import type { DisposalStack } from "../util/index.ts";
import { BPF_PROG_TYPE, BPF_TEST_FLAG } from "../uapi/index.ts";
import { LibraryError } from "./library-error.ts";

/**
 * Input of a test run.
 */
export interface TestRunOptions {
  /** The packet, for programs that take one. */
  readonly data?: Uint8Array;
  /** struct xdp_md, __sk_buff or what else the type takes; arguments (u64 each) of raw tracepoints. */
  readonly context?: Uint8Array;
  /** How often it runs; not for raw tracepoints and syscall programs. */
  readonly repeat?: number;
  /** Raw tracepoints: on this CPU. */
  readonly cpu?: number;
  /** Bytes that the packet may grow by; 4096 where it is not given. */
  readonly room?: number;
}

/**
 * What a test run gave.
 */
export interface TestRunResult {
  /** What the program returned, as an unsigned 32-bit number. */
  readonly result: number;
  /** Nanoseconds, the mean of all repetitions. */
  readonly duration: number;
  /** The packet behind the program; empty where it takes none. */
  readonly data: Uint8Array;
  /** The context behind the program, if one was given. */
  readonly context: Uint8Array;
}

/**
 * How a program is hooked in.
 */
export interface AttachOptions {
  /** Uprobes, USDT and perf events: only this process fires them. The kernel filters no other kind by process. */
  readonly pid?: number;
  /** What the program reads by bpf_get_attach_cookie. */
  readonly cookie?: bigint;
}

/** A program and what it is reached by. */
export interface ProgramSource {
  readonly kernel: Kernel;
  readonly features: Features;
  readonly loaded: LoadedProgram;
  /** Where USDT programs of the object find their arguments. */
  readonly usdt?: UsdtSpecs | undefined;
  /** Disposed with what the program belongs to. */
  readonly resources: DisposalStack;
  /** It belongs to no object: it closes itself. */
  readonly alone: boolean;
}

const ROOM = 4096;

/** Types whose context comes back where it was given (bpf_prog_test_run_syscall in net/bpf/test_run.c). */
const IN_PLACE: ReadonlySet<number> = new Set([BPF_PROG_TYPE.SYSCALL]);
/** Types that give no context back, and refuse a buffer for it. */
const READ_ONLY: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE.RAW_TRACEPOINT,
  BPF_PROG_TYPE.RAW_TRACEPOINT_WRITABLE,
]);

/** A program in the kernel. */
export class Program implements Disposable {
  readonly #source: ProgramSource;
  /** As in C. */
  readonly name: string;
  /** As `tracepoint/sched/sched_process_exec`; empty for programs opened by path or id. */
  readonly section: string;
  /** BPF_PROG_TYPE number. */
  readonly type: number;
  /** The verifier's log, if `logLevel` asked for it. */
  readonly log: string;

  /** Programs are made by `load` and `openProgram`. */
  constructor(source: ProgramSource) {
    this.#source = source;
    const { name, spec, log } = source.loaded;
    this.name = name;
    this.section = spec.section;
    this.type = spec.type;
    this.log = log;
  }

  /** The kernel's descriptor, for calls of one's own; open as long as the program is. */
  get fd(): Fd {
    return this.#open().loaded.fd;
  }

  /** What the kernel tells of the program. @throws SyscallError */
  info(): ProgramInfo {
    return programInfo(this.#source.kernel, this.fd);
  }

  /**
   * Hooks the program in; disposal of the link, or of the object, takes it off. A hook has a `kind`; without one
   * the program goes where its section says, with places for what sections leave open:
   * `attach({ interface: "eth0" })`.
   * @throws AttachError with the cause and the way out; SyscallError for other refusals
   */
  attach(hook: Hook | HookPlaces = {}, options: AttachOptions = {}): Link {
    const { kernel, features, loaded, resources, usdt } = this.#open();
    const context: AttachContext = { kernel, features, ...(usdt && { usdt }), ...options };
    return resources.use(attach(context, loaded, "kind" in hook ? hook : this.#hookOf(hook)));
  }

  /**
   * Runs the program with input of one's own and no hook (BPF_PROG_TEST_RUN).
   * @throws SyscallError ENOTSUPP for types that the kernel cannot run so; EINTR when a signal ends repetitions
   *
   * @example
   * ```ts
   * import { assembleObject, load } from "bpfkit";
   *
   * using object = await load(assembleObject("xdp", "w0 = 2\nexit"));
   * const { result } = object.program("program").testRun({ data: new Uint8Array(64) });
   * console.log(result);
   * // prints 2
   * ```
   */
  testRun(options: TestRunOptions = {}): TestRunResult {
    const { kernel, loaded } = this.#open();
    const { data, repeat, cpu, room = ROOM } = options;
    const data_out = data && new Uint8Array(data.length + room);
    // A copy: some programs write into it.
    const context = options.context && new Uint8Array(options.context);
    const writesApart = !IN_PLACE.has(this.type) && !READ_ONLY.has(this.type);
    const ctx_out = writesApart && context ? new Uint8Array(context.length) : undefined;
    const answer = kernel.bpf("PROG_TEST_RUN", {
      prog_fd: loaded.fd,
      data_in: data,
      data_out,
      ctx_in: context,
      ctx_out,
      repeat,
      ...(cpu !== undefined && { cpu, flags: BPF_TEST_FLAG.RUN_ON_CPU }),
    });
    return {
      result: answer.retval,
      duration: answer.duration,
      data: data_out?.subarray(0, answer.data_size_out) ?? new Uint8Array(),
      context: ctx_out?.subarray(0, answer.ctx_size_out) ?? context ?? new Uint8Array(),
    };
  }

  /**
   * Keeps the program when all who have it open end, under a path below a bpf file system (/sys/fs/bpf).
   * Removing that file gives it up.
   * @throws SyscallError EEXIST if the path is there
   */
  pin(path: string): void {
    this.#source.kernel.bpf("OBJ_PIN", { bpf_fd: this.fd, pathname: path });
  }

  /** Closes the program if it was opened alone; programs of an object close with the object. */
  [Symbol.dispose](): void {
    if (this.#source.alone) this.#source.resources[Symbol.dispose]();
  }

  #hookOf(places: HookPlaces): Hook {
    const choice = sectionHook(this.#source.loaded.spec, places);
    if ("hook" in choice) return choice.hook;
    throw new AttachError(this.name, `section ${this.section} needs ${choice.open}`, {
      code: choice.never ? "unsupported" : "unknown",
    });
  }

  #open(): ProgramSource {
    if (this.#source.resources.disposed)
      throw new LibraryError("library/closed", `Program ${this.name} was used after it was closed`);
    return this.#source;
  }
}
