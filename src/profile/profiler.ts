import { BpfkitError } from "../errors.ts";
import { programCode } from "../inspect/index.ts";
import { encode } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import {
  BPF_ANY,
  BPF_ATTACH_TYPE,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  ERRNO,
  PERF_EVENT_IOC,
  PERF_TYPE,
} from "../uapi/index.ts";
import type { Metric } from "./metrics.ts";
import { beginProgram, endProgram, VALUE_SIZE } from "./programs.ts";
import type { ProfilerMaps } from "./programs.ts";

/** What a metric came to in all runs of the program. */
export interface MetricReading {
  readonly metric: Metric;
  readonly value: bigint;
  /** Nanoseconds; fewer running than enabled where counters had to be shared. */
  readonly enabled: bigint;
  readonly running: bigint;
}

export interface ProfileReading {
  readonly runs: bigint;
  readonly metrics: readonly MetricReading[];
}

const LOG_SIZE = 1 << 16;
const COUNT_SIZE = 8;

/**
 * Counts what happens while one program runs, by programs of its own at the program's begin and end (fentry and
 * fexit, Linux 5.5), until disposed.
 */
export class Profiler implements Disposable {
  readonly #kernel: Kernel;
  readonly #metrics: readonly Metric[];
  readonly #opened: Fd[] = [];
  readonly #maps: ProfilerMaps;
  readonly #possible: number;

  /** @throws BpfkitError where the program cannot be traced, or this machine cannot count a metric */
  constructor(kernel: Kernel, target: Fd, metrics: readonly Metric[]) {
    this.#kernel = kernel;
    this.#metrics = metrics;
    const possible = kernel.files.possibleCpus();
    this.#possible = possible.length;
    const cpus = Math.max(...possible) + 1;
    try {
      this.#maps = this.#createMaps(cpus);
      for (const [index, metric] of metrics.entries()) this.#count(metric, index * cpus);
      const code = [
        ["TRACE_FENTRY", beginProgram(this.#maps, metrics.length, cpus)],
        ["TRACE_FEXIT", endProgram(this.#maps, metrics.length, cpus)],
      ] as const;
      const programs = code.map(([attach, insns]) => this.#load(target, attach, insns));
      for (const program of programs) this.#keep(kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program }));
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  read(): ProfileReading {
    const runs = this.#perCpu(this.#maps.runs, 0, COUNT_SIZE);
    return {
      runs: sum(runs, COUNT_SIZE, 0),
      metrics: this.#metrics.map((metric, index) => {
        const values = this.#perCpu(this.#maps.sums, index, VALUE_SIZE);
        const [value, enabled, running] = [0, 8, 16].map((field) => sum(values, VALUE_SIZE, field));
        return { metric, value: value!, enabled: enabled!, running: running! };
      }),
    };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#opened.splice(0).toReversed()) this.#kernel.close(fd);
  }

  #keep(fd: Fd): Fd {
    this.#opened.push(fd);
    return fd;
  }

  #createMaps(cpus: number): ProfilerMaps {
    const create = (type: number, valueSize: number, entries: number): Fd =>
      this.#keep(
        this.#kernel.bpf("MAP_CREATE", {
          map_type: type,
          key_size: 4,
          value_size: valueSize,
          max_entries: entries,
        }),
      );
    const count = this.#metrics.length;
    return {
      events: create(BPF_MAP_TYPE.PERF_EVENT_ARRAY, 4, cpus * count),
      before: create(BPF_MAP_TYPE.PERCPU_ARRAY, VALUE_SIZE, count),
      sums: create(BPF_MAP_TYPE.PERCPU_ARRAY, VALUE_SIZE, count),
      runs: create(BPF_MAP_TYPE.PERCPU_ARRAY, COUNT_SIZE, 1),
    };
  }

  /** One counter a CPU. */
  #count(metric: Metric, firstKey: number): void {
    for (const cpu of this.#kernel.files.onlineCpus()) {
      const event = this.#keep(this.#openEvent(metric, cpu));
      const key = new Uint8Array(Uint32Array.of(firstKey + cpu).buffer);
      const value = new Uint8Array(Uint32Array.of(event).buffer);
      this.#kernel.bpf("MAP_UPDATE_ELEM", { map_fd: this.#maps.events, key, value, flags: BigInt(BPF_ANY) });
      this.#kernel.ioctl(event, PERF_EVENT_IOC.ENABLE, 0);
    }
  }

  #openEvent({ name, type, config }: Metric, cpu: number): Fd {
    // The clock runs in user space too, but a program does not.
    const exclude = type === PERF_TYPE.SOFTWARE ? {} : { exclude_user: 1 };
    try {
      return this.#kernel.perfEventOpen({ type, config, ...exclude }, { pid: -1, cpu });
    } catch (error) {
      if (!(error instanceof SyscallError) || !NO_COUNTER.has(error.errno)) throw error;
      throw new BpfkitError(`This machine cannot count ${name}`, {
        code: "profile/no-counter",
        hints: ["Virtual machines often have no hardware counters; cpu_clock is there on every machine"],
        cause: error,
      });
    }
  }

  #load(target: Fd, attach: "TRACE_FENTRY" | "TRACE_FEXIT", insns: readonly Insn[]): Fd {
    const main = programCode(this.#kernel, target).functions[0];
    if (!main)
      throw new BpfkitError("The program has no BTF, so no other program can be attached to it", {
        code: "profile/no-btf",
        hints: ["Compile it with -g, and load it with a loader that keeps BTF"],
      });
    try {
      return this.#keep(
        this.#kernel.bpf("PROG_LOAD", {
          prog_type: BPF_PROG_TYPE.TRACING,
          expected_attach_type: BPF_ATTACH_TYPE[attach],
          attach_prog_fd: target,
          attach_btf_id: main.typeId,
          insns: encode(insns),
          license: "GPL",
          prog_name: "profile",
          log_level: 1,
          log_buf: new Uint8Array(LOG_SIZE),
        }),
      );
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      throw new BpfkitError(`The program cannot be profiled: ${refusal(error)}`, {
        code: "profile/refused",
        hints: [
          "The kernel must compile programs (net.core.bpf_jit_enable) and have trampolines; tracing programs cannot trace one another",
        ],
        cause: error,
      });
    }
  }

  #perCpu(map: Fd, key: number, size: number): Uint8Array {
    const value = new Uint8Array(size * this.#possible);
    this.#kernel.bpf("MAP_LOOKUP_ELEM", {
      map_fd: map,
      key: new Uint8Array(Uint32Array.of(key).buffer),
      value,
    });
    return value;
  }
}

/** What perf_event_open(2) says of a counter that the machine does not have. */
const NO_COUNTER: ReadonlySet<number> = new Set([ERRNO.ENOENT, ERRNO.EOPNOTSUPP, ERRNO.ENODEV, ERRNO.EINVAL]);

/** The last line of the log that is no statistic. */
function refusal(error: SyscallError): string {
  const lines = (error.log ?? "").split("\n").filter((line) => line !== "" && !line.startsWith("processed "));
  return lines.at(-1) ?? error.message;
}

function sum(bytes: Uint8Array, size: number, field: number): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let total = 0n;
  for (let at = field; at < bytes.length; at += size) total += view.getBigUint64(at, true);
  return total;
}
