import type { Kernel } from "../kernel/index.ts";

/** The perf PMU that makes kprobes or uprobes: its number, and the config bit that asks for the return. */
export interface ProbePmu {
  readonly type: number;
  readonly returnBit: bigint;
}

const DEVICES = "/sys/bus/event_source/devices";

/** Undefined where the kernel was built without such probes. */
export function probePmu({ files }: Kernel, kind: "kprobe" | "uprobe"): ProbePmu | undefined {
  const type = files.read(`${DEVICES}/${kind}/type`);
  const format = files.read(`${DEVICES}/${kind}/format/retprobe`);
  if (!type) return undefined;
  const bit = /config:(\d+)/.exec(format ? Buffer.from(format).toString() : "")?.[1] ?? "0";
  return { type: Number(Buffer.from(type).toString()), returnBit: 1n << BigInt(bit) };
}
