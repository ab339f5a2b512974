import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { BpfLink } from "./link.ts";
import { nearestHint } from "./nearest.ts";

/** By name; a program that was loaded for a BTF tracepoint knows its own. */
export const attachRawTracepoint: Attacher<"rawtracepoint"> = ({ kernel, cookie }, program, { event }) => {
  const typed = program.spec.type === BPF_PROG_TYPE.TRACING;
  try {
    const link = kernel.bpf("RAW_TRACEPOINT_OPEN", {
      prog_fd: program.fd,
      ...(!typed && { name: event }),
      cookie,
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== ERRNO.ENOENT) throw cause;
    throw new AttachError(`rawtracepoint:${event}`, "this kernel has no such tracepoint", {
      code: "unknown",
      hints: nearestHint(event, allEvents(kernel)),
      cause,
    });
  }
};

function allEvents({ files }: Kernel): string[] {
  return files.tracefsDirectory("events").flatMap((category) => files.tracefsDirectory(`events/${category}`));
}
