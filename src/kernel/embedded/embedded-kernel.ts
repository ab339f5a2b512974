import { BpfkitError } from "../../errors.ts";
import { ERRNO, PERF_EVENT_IOC } from "../../uapi/index.ts";
import { SyscallError } from "../index.ts";
import type {
  BpfAttr,
  BpfCommand,
  BpfResult,
  ClockId,
  CommonAttr,
  Fd,
  HostFiles,
  InfoPointer,
  Kernel,
  KernelRelease,
  MappedRegion,
  PerfEventAttr,
  PerfTarget,
  Watch,
} from "../index.ts";
import { EmbeddedFiles } from "./embedded-files.ts";
import type { EventHost, EventSource, RaiseOptions, Task } from "./events/index.ts";
import { PerfEvent } from "./events/perf-event.ts";
import { OutOfMemoryError } from "./heap.ts";
import { createHelperTable } from "./helpers/index.ts";
import { IteratorReader } from "./iterators/index.ts";
import { KernelFailure, failure } from "./kernel-object.ts";
import type { KernelObject } from "./kernel-object.ts";
import { BpfMap } from "./maps/index.ts";
import type { Memory } from "./memory.ts";
import { ProcessObject } from "./process-object.ts";
import { coverageOf } from "./programs/coverage.ts";
import type { ProgramCoverage } from "./programs/coverage.ts";
import { BpfProgram } from "./programs/program.ts";
import { COMMANDS, objectInfo } from "./syscall/index.ts";
import type { Command } from "./syscall/command.ts";
import type { StructPlaces } from "./types/index.ts";
import type { ExecutionMode } from "./vm/index.ts";
import { World } from "./world.ts";

const MiB = 1024 * 1024;
/** Addresses are positive 32-bit numbers. */
const MOST_MEMORY = 2047 * MiB;
/** Turns of all loops that one run of a program may take: some seconds. */
const FUEL = 1_000_000_000;

export interface EmbeddedKernelOptions {
  /** Bytes for maps, packets and all the rest; what is not used costs nothing. 256 MiB by default. */
  readonly memory?: number;
  /** Possible CPUs, 1 by default: per-CPU maps have a value for each. */
  readonly cpus?: number;
  readonly mode?: ExecutionMode;
  /** Turns of loops that one run may take before it is stopped (`vm/fuel`); Infinity: they are not counted. */
  readonly fuel?: number;
  /** Raw BTF of the kernel that programs are to see. */
  readonly btf?: Uint8Array;
  /** Where events come from; without one, only who holds the kernel raises them. */
  readonly source?: EventSource;
  /** Time, in place of the machine's. */
  readonly clock?: (id: ClockId) => bigint;
  /** Timers, in place of the machine's: calls back after so many nanoseconds, unless disposed before. */
  readonly schedule?: (nanoseconds: bigint, fire: () => void) => Disposable;
  /** Counts how often each instruction of each program runs. */
  readonly coverage?: boolean;
  /**
   * Checks every access of programs, and of helpers for them, against what lives in memory: null and wild pointers,
   * and what lies behind an object, are `vm/checked`, with the source line, and nothing happens to the kernel. On where
   * it is not given. `strict` also refuses what Linux lets privileged programs do, though they hardly mean it: use of
   * what was deleted, reads of the stack that was never written.
   */
  readonly checked?: boolean | "strict";
  /** 32 random bits, in place of the machine's. */
  readonly random?: () => number;
  /** Which kernel it says to be, in place of its own name for itself. */
  readonly release?: KernelRelease;
  /** As messages name it: `recording` where its events are those of one. */
  readonly name?: "embedded" | "recording";
  /** What programs print with bpf_trace_printk; by default it is dropped. */
  readonly print?: (text: string) => void;
}

/** The embedded kernel: what the real one does for BPF programs, in this process. */
export class EmbeddedKernel implements Kernel, EventHost {
  readonly name: "embedded" | "recording";
  readonly machineCode = "wasm";
  readonly pageSize = 4096;
  readonly release: KernelRelease;
  readonly files: HostFiles;
  readonly #world: World;

  constructor(options: EmbeddedKernelOptions = {}) {
    const { memory = 256 * MiB, cpus = 1, source, btf } = options;
    if (options.coverage && options.mode === "interpreter")
      throw new BpfkitError("Coverage is the JIT's alone", { code: "kernel/options" });
    if (memory > MOST_MEMORY || memory < MiB || !Number.isInteger(cpus) || cpus < 1)
      throw new BpfkitError(`The embedded kernel takes 1 to 2047 MiB of memory and at least one CPU`, {
        code: "kernel/options",
      });
    this.name = options.name ?? "embedded";
    this.release = options.release ?? embeddedRelease(process.arch);
    this.files = new EmbeddedFiles({ cpus, btf, source, describe: (fd) => this.#describe(fd) });
    this.#world = new World(
      {
        memory,
        cpus,
        source,
        mode: options.mode ?? "jit",
        fuel: options.fuel ?? FUEL,
        files: this.files,
        clock: options.clock ?? machineClock,
        coverage: options.coverage ?? false,
        checked: options.checked ?? true,
        print: options.print ?? (() => undefined),
        schedule: options.schedule ?? machineTimer,
        random: options.random ?? (() => Math.floor(Math.random() * 2 ** 32)),
      },
      createHelperTable,
    );
    source?.start(this);
  }

  get structs(): StructPlaces {
    return this.#world.structs;
  }

  get memory(): Memory {
    return this.#world.memory;
  }

  bpf<C extends BpfCommand>(command: C, attr: BpfAttr[C], common?: CommonAttr): BpfResult[C] {
    const run: Command<C> | undefined = COMMANDS[command];
    const name = `bpf(${command})`;
    if (!run) throw new SyscallError(name, ERRNO.EINVAL);
    try {
      return run(this.#world, attr);
    } catch (error) {
      throw this.#asSyscallError(name, error, logOf(attr, common));
    }
  }

  objectInfo(fd: Fd, info: Uint8Array, pointers: readonly InfoPointer[] = []): number {
    return this.#call("bpf(OBJ_GET_INFO_BY_FD)", () => objectInfo(this.#world, fd, info, pointers));
  }

  perfEventOpen(attr: PerfEventAttr, target: PerfTarget): Fd {
    return this.#call("perf_event_open", () =>
      this.#world.descriptors.open(new PerfEvent(this.#world, attr, target)),
    );
  }

  ioctl(fd: Fd, request: number, argument: number | bigint | string | Uint8Array = 0): number {
    return this.#call(`ioctl(0x${request.toString(16)})`, () => {
      const event = this.#world.descriptors.find(fd, PerfEvent);
      if (!event) throw failure("ENOTTY");
      switch (request) {
        case PERF_EVENT_IOC.ENABLE:
        case PERF_EVENT_IOC.DISABLE:
          event.enable(request === PERF_EVENT_IOC.ENABLE);
          return 0;
        case PERF_EVENT_IOC.SET_BPF:
          event.setProgram(this.#world.descriptors.get(Number(argument), BpfProgram));
          return 0;
        default:
          throw failure("ENOTTY");
      }
    });
  }

  mmap(fd: Fd, length: number, protection: "read" | "readWrite", offset = 0): MappedRegion {
    return this.#call("mmap", () => {
      const { memory, descriptors } = this.#world;
      const object = descriptors.object(fd).hold();
      const write = protection === "readWrite";
      try {
        const address = mappedAddress(object, length, write, offset);
        if (object instanceof BpfMap && write) object.writers++;
        let mapped = true;
        return {
          bytes: memory.slice(address, length),
          [Symbol.dispose]: () => {
            if (!mapped) return;
            mapped = false;
            if (object instanceof BpfMap && write) object.writers--;
            object.release();
          },
        };
      } catch (error) {
        object.release();
        throw error;
      }
    });
  }

  read(fd: Fd, buffer: Uint8Array): number {
    return this.#call("read", () => this.#world.descriptors.get(fd, IteratorReader).read(buffer));
  }

  close(fd: Fd): void {
    this.#call("close", () => this.#world.descriptors.close(fd));
  }

  netlink(): Uint8Array[] {
    throw new SyscallError("socket(AF_NETLINK)", ERRNO.EOPNOTSUPP, {
      hints: ["The embedded kernel has no network interfaces"],
    });
  }

  mount(type: string): void {
    // Its file system for pins is there already, under every path.
    if (type !== "bpf") throw new SyscallError("mount", ERRNO.ENODEV);
  }

  setSocketOption(): void {
    throw new SyscallError("setsockopt", ERRNO.ENOTSOCK);
  }

  openProcess(pid: number): Fd {
    return this.#call("pidfd_open", () => {
      const task = this.#world.task(pid);
      if (!task) throw failure("ESRCH");
      return this.#world.descriptors.open(new ProcessObject(task));
    });
  }

  watch(fd: Fd, ready: () => void): Watch {
    return this.#call("epoll_ctl", () => {
      const object = this.#world.descriptors.object(fd);
      const readable =
        object instanceof BpfMap || object instanceof PerfEvent ? () => object.readable() : () => false;
      return this.#world.readiness.watch(object, readable, ready);
    });
  }

  clock(id: ClockId): bigint {
    return this.#world.options.clock(id);
  }

  raise(hook: string, context: Uint8Array, options?: RaiseOptions): number {
    return this.#world.attachments.raise(hook, context, options);
  }

  settle(): boolean {
    return this.#world.readiness.settle();
  }

  get waiting(): boolean {
    return this.#world.readiness.waiting;
  }

  /**
   * Runs a program of any type on a context that is copied in and, afterwards, back; r0 is its result.
   * @throws BpfkitError `vm/fault`, `vm/fuel`
   */
  run(
    program: Fd,
    context: Uint8Array,
    options: { readonly task?: Task; readonly cpu?: number } = {},
  ): bigint {
    const world = this.#world;
    const object = this.#call("run", () => world.descriptors.get(program, BpfProgram));
    const { task = world.self, cpu = 0 } = options;
    return world.memory.withShared(context, (address) => {
      const result = world.execute({ program: object, task, cpu, context: address });
      context.set(world.memory.slice(address, context.length));
      return result;
    });
  }

  /** How often the parts of all programs ran, those that are gone included; empty without `coverage`. */
  coverage(): ProgramCoverage[] {
    const { covered, programs, memory } = this.#world;
    return [...covered, ...[...programs.values()].flatMap((program) => coverageOf(program, memory) ?? [])];
  }

  /** The WebAssembly text of a loaded program. */
  printTranslation(program: Fd): string {
    const { definition } = this.#call("print", () => this.#world.descriptors.get(program, BpfProgram));
    return this.#world.machine.print(definition.insns, definition.faultsAsZero);
  }

  [Symbol.dispose](): void {
    this.#world.descriptors.closeAll();
    for (const object of this.#world.pins.values()) object.release();
    this.#world.pins.clear();
  }

  #describe(fd: number): string | undefined {
    try {
      const lines = Object.entries(this.#world.descriptors.object(fd).describe());
      return lines.map(([name, value]) => `${name}:\t${value}\n`).join("");
    } catch {
      return undefined;
    }
  }

  #call<T>(name: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw this.#asSyscallError(name, error, undefined);
    }
  }

  #asSyscallError(call: string, error: unknown, log: Uint8Array | undefined): unknown {
    if (error instanceof OutOfMemoryError) return new SyscallError(call, ERRNO.ENOMEM);
    // A structure of the kernel leads nowhere: a program wrote where it must not.
    if (error instanceof RangeError) return new SyscallError(call, ERRNO.EFAULT);
    if (!(error instanceof KernelFailure)) return error;
    if (!log || error.log === "") return new SyscallError(call, error.errno);
    const text = Buffer.from(error.log).subarray(0, Math.max(0, log.length - 1));
    log.fill(0);
    log.set(text);
    return new SyscallError(call, error.errno, { log: text.toString() });
  }
}

/** What errors and checks follow, on an architecture by process.arch's names. */
export function embeddedRelease(arch: string): KernelRelease {
  return { text: "6.18.0-embedded", major: 6, minor: 18, patch: 0, arch };
}

/** Where a mapping of `length` bytes at `offset` begins. */
function mappedAddress(object: KernelObject, length: number, write: boolean, offset: number): number {
  if (object instanceof PerfEvent) {
    if (offset !== 0) throw failure("EINVAL");
    return object.map(length);
  }
  const region = object instanceof BpfMap ? object.region() : undefined;
  if (!region || !(object instanceof BpfMap)) throw failure("ENOTSUPP");
  if (offset % 4096 !== 0 || offset + length > region.size) throw failure("EINVAL");
  const [from, to] = region.writable;
  if (write && (object.frozen || offset < from || offset + length > to)) throw failure("EPERM");
  return region.address + offset;
}

/** The log buffer of an attribute, where the level asks for a log. */
function logOf(attr: object, common: CommonAttr | undefined): Uint8Array | undefined {
  if (common) return common.log;
  const field = (name: string): unknown => Object.entries(attr).find(([key]) => key === name)?.[1];
  const buffer = field("log_buf") ?? field("btf_log_buf");
  const level = field("log_level") ?? field("btf_log_level");
  return buffer instanceof Uint8Array && typeof level === "number" && level > 0 ? buffer : undefined;
}

function machineTimer(nanoseconds: bigint, fire: () => void): Disposable {
  const timer = setTimeout(fire, Number(nanoseconds / 1_000_000n));
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function machineClock(id: ClockId): bigint {
  const monotonic = process.hrtime.bigint();
  if (id === "monotonic" || id === "boottime") return monotonic;
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}
