import { bpfCommands } from "../kernel/index.ts";
import type { CallFilter } from "../kernel/index.ts";
import { bpfArguments, bpfCommand } from "./bpf-call.ts";
import { ioctlArguments, perfEventOpenArguments } from "./perf-call.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import type { Value } from "./value.ts";

/** The system calls that are decoded. */
export interface CallRow {
  readonly name: CallName;
  /** By process.arch. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly only?: NonNullable<CallFilter["argument"]>;
  readonly decode: (args: BigUint64Array, view: ProcessView, detail: Detail) => Value[];
  /** Whether what it returns is a descriptor. */
  readonly returnsDescriptor: (args: BigUint64Array) => boolean;
}

export type CallName = "bpf" | "perf_event_open" | "ioctl";

export const CALLS: readonly CallRow[] = [
  {
    name: "bpf",
    numbers: { x64: 321, arm64: 280 },
    decode: bpfArguments,
    returnsDescriptor: (args) => {
      const command = bpfCommand(args);
      return command !== undefined && bpfCommands[command].returns === "fd";
    },
  },
  {
    name: "perf_event_open",
    numbers: { x64: 298, arm64: 241 },
    decode: perfEventOpenArguments,
    returnsDescriptor: () => true,
  },
  {
    name: "ioctl",
    numbers: { x64: 16, arm64: 29 },
    // _IOC_TYPE of PERF_EVENT_IOC_* is '$'.
    only: { index: 1, mask: 0xff00, value: 0x2400 },
    decode: ioctlArguments,
    returnsDescriptor: () => false,
  },
];

export function callFilters(names: ReadonlySet<CallName>, arch: string): CallFilter[] {
  return CALLS.filter(({ name }) => names.has(name)).flatMap(({ numbers, only }) => {
    const number = numbers[arch];
    return number === undefined ? [] : [{ number, ...(only && { argument: only }) }];
  });
}
