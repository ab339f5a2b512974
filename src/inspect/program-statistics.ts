import type { Fd, Kernel } from "../kernel/index.ts";
import { StructReader } from "./struct-reader.ts";

/** How often and how long a program ran, as the kernel counts while statistics are on. */
export interface ProgramStatistics {
  readonly id: number;
  /** BPF_PROG_TYPE number. */
  readonly type: number;
  /** At most 15 characters. */
  readonly name: string;
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

/** One call, where programInfo() asks for more. */
export function programStatistics(kernel: Kernel, fd: Fd): ProgramStatistics {
  const info = new StructReader("bpf_prog_info");
  kernel.objectInfo(fd, info.bytes);
  return {
    id: info.number("id"),
    type: info.number("type"),
    name: info.text("name"),
    runTimeNs: info.bigint("run_time_ns"),
    runCount: info.bigint("run_cnt"),
  };
}
