import type { Kernel } from "../kernel/index.ts";
import { PERF_TYPE } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { nearestHint } from "./nearest.ts";
import { attachPerfEvent, onFirstCpu } from "./perf-link.ts";

export const attachTracepoint: Attacher<"tracepoint"> = (context, program, { category, event }) => {
  const id = context.kernel.files.tracefs(`events/${category}/${event}/id`);
  if (id === undefined) throw unknownEvent(context.kernel, category, event);
  const attr = { type: PERF_TYPE.TRACEPOINT, config: Number(id), sample_period: 1, wakeup_events: 1 };
  return attachPerfEvent(context, program, attr, onFirstCpu(context));
};

function unknownEvent({ files }: Kernel, category: string, event: string): AttachError {
  const events = files.tracefsDirectory(`events/${category}`);
  const known = events.length > 0;
  return new AttachError(
    `tracepoint:${category}:${event}`,
    known ? `category ${category} has no such event` : `this kernel has no category ${category}`,
    {
      code: "unknown",
      hints: known
        ? nearestHint(event, events)
        : [
            ...nearestHint(category, files.tracefsDirectory("events")),
            "Events of a module are there once it is loaded; syscalls need CONFIG_FTRACE_SYSCALLS",
          ],
    },
  );
}
