import type { PerfEventAttr, PerfTarget } from "../kernel/index.ts";
import type { LoadedProgram } from "../loader/index.ts";
import { BPF_ATTACH_TYPE, PERF_EVENT_IOC } from "../uapi/index.ts";
import type { AttachContext } from "./context.ts";
import { BpfLink, PlainHook, type Link } from "./link.ts";

/** Runs the program whenever a perf event fires: by a BPF link, or by ioctl before Linux 5.15. */
export function attachPerfEvent(
  { kernel, features, cookie }: AttachContext,
  program: LoadedProgram,
  attr: PerfEventAttr,
  target: PerfTarget,
): Link {
  const event = kernel.perfEventOpen(attr, target);
  try {
    if (features.has("perfLink")) {
      const link = kernel.bpf("LINK_CREATE", {
        prog_fd: program.fd,
        target_fd: event,
        attach_type: BPF_ATTACH_TYPE.PERF_EVENT,
        "perf_event.bpf_cookie": cookie,
      });
      // The link holds the event.
      kernel.close(event);
      return new BpfLink(kernel, link);
    }
    kernel.ioctl(event, PERF_EVENT_IOC.SET_BPF, program.fd);
    kernel.ioctl(event, PERF_EVENT_IOC.ENABLE);
    return new PlainHook(program.name, () => kernel.close(event));
  } catch (error) {
    kernel.close(event);
    throw error;
  }
}

/** Events whose program runs on every CPU all the same are opened on one. */
export function onFirstCpu({ kernel }: AttachContext): PerfTarget {
  return { pid: -1, cpu: kernel.files.onlineCpus()[0] ?? 0 };
}
