import type { Kernel } from "../kernel/index.ts";

/** The perf PMU that makes kprobes or uprobes: its number, and what the bits of `config` ask for. */
export interface ProbePmu {
  readonly type: number;
  readonly returnBit: bigint;
  /** Where a uprobe's reference counter goes (32 bits, Linux 4.20). */
  readonly counterShift: bigint;
}

const DEVICES = "/sys/bus/event_source/devices";

/** Undefined where the kernel was built without such probes. */
export function probePmu({ files }: Kernel, kind: "kprobe" | "uprobe"): ProbePmu | undefined {
  const read = (path: string): string =>
    Buffer.from(files.read(`${DEVICES}/${kind}/${path}`) ?? []).toString();
  const type = read("type");
  if (type === "") return undefined;
  const bit = (field: string, otherwise: string): string =>
    /config:(\d+)/.exec(read(`format/${field}`))?.[1] ?? otherwise;
  return {
    type: Number(type),
    returnBit: 1n << BigInt(bit("retprobe", "0")),
    counterShift: BigInt(bit("ref_ctr_offset", "32")),
  };
}
