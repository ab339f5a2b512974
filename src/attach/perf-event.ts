import { SyscallError } from "../kernel/index.ts";
import type { PerfEventAttr } from "../kernel/index.ts";
import type { LoadedProgram } from "../loader/index.ts";
import { ERRNO, PERF_COUNT_SW, PERF_TYPE } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { AttachContext, Attacher } from "./context.ts";
import { linkAll, type Link } from "./link.ts";
import { attachPerfEvent, onFirstCpu } from "./perf-link.ts";

export const attachProfile: Attacher<"profile"> = (context, program, target) =>
  onEveryCpu(context, program, clock(target));

export const attachInterval: Attacher<"interval"> = (context, program, target) =>
  attachPerfEvent(context, program, clock(target), onFirstCpu(context));

/** Hardware and software events. */
export const attachCounter: Attacher<"perf"> = (context, program, { event, type, config, period }) => {
  try {
    return onEveryCpu(context, program, { type, config, sample_period: period });
  } catch (cause) {
    if (
      !(cause instanceof SyscallError) ||
      (cause.errno !== ERRNO.ENOENT && cause.errno !== ERRNO.EOPNOTSUPP)
    )
      throw cause;
    const hardware = type !== PERF_TYPE.SOFTWARE;
    throw new AttachError(
      `${hardware ? "hardware" : "software"}:${event}`,
      "this machine does not count it",
      {
        code: "unsupported",
        hints: hardware ? ["Virtual machines often have no hardware counters: try software:cpu-clock"] : [],
        cause,
      },
    );
  }
};

function onEveryCpu(context: AttachContext, program: LoadedProgram, attr: PerfEventAttr): Link {
  const pid = context.pid ?? -1;
  return linkAll(
    context.kernel.files
      .onlineCpus()
      .map((cpu) => () => attachPerfEvent(context, program, attr, { pid, cpu })),
  );
}

/** The CPU clock, by nanoseconds or by times a second. */
function clock(rate: { readonly period?: number; readonly frequency?: number }): PerfEventAttr {
  return {
    type: PERF_TYPE.SOFTWARE,
    config: PERF_COUNT_SW.CPU_CLOCK,
    ...(rate.frequency === undefined
      ? { sample_period: rate.period ?? 0 }
      : { sample_freq: rate.frequency, freq: 1 }),
  };
}
