import { BpfkitError } from "../errors.ts";
import { eachObject, programStatistics } from "../inspect/index.ts";
import type { ProgramStatistics } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_STATS, ERRNO } from "../uapi/index.ts";

/** All programs at one moment. */
export interface Sample {
  /** Nanoseconds of the monotonic clock. */
  readonly time: bigint;
  readonly programs: ReadonlyMap<number, ProgramStatistics>;
}

/** Reads samples; as long as it lives the kernel counts run times, which costs each run some nanoseconds. */
export class Sampler implements Disposable {
  readonly #kernel: Kernel;
  readonly #name: (fd: Fd, statistics: ProgramStatistics) => string;
  readonly #names = new Map<number, string>();
  readonly #statistics: Fd;

  /** `name` gives a program's full name; asked once for each program. */
  constructor(kernel: Kernel, name: (fd: Fd, statistics: ProgramStatistics) => string) {
    this.#kernel = kernel;
    this.#name = name;
    this.#statistics = enableStatistics(kernel);
  }

  sample(): Sample {
    const programs = [...eachObject(this.#kernel, "prog", (kernel, fd) => this.#read(kernel, fd))];
    return {
      time: this.#kernel.clock("monotonic"),
      programs: new Map(programs.map((program) => [program.id, program])),
    };
  }

  #read(kernel: Kernel, fd: Fd): ProgramStatistics {
    const statistics = programStatistics(kernel, fd);
    let name = this.#names.get(statistics.id);
    if (name === undefined) this.#names.set(statistics.id, (name = this.#name(fd, statistics)));
    return { ...statistics, name };
  }

  [Symbol.dispose](): void {
    this.#kernel.close(this.#statistics);
  }
}

function enableStatistics(kernel: Kernel): Fd {
  try {
    return kernel.bpf("ENABLE_STATS", { type: BPF_STATS.RUN_TIME });
  } catch (error) {
    // Kernels before 5.8 know only the switch for the whole system.
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EINVAL) throw error;
    throw new BpfkitError("This kernel cannot count run times for one process", {
      code: "top/no-statistics",
      hints: ["It is Linux 5.8 or newer that can (BPF_ENABLE_STATS)"],
      cause: error,
    });
  }
}
