import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { missingHook, nameOf } from "./hooks.ts";
import { functionNames } from "./kernel-functions.ts";
import { linkKprobes } from "./kprobe-multi.ts";
import { nearestHint } from "./nearest.ts";
import { attachPerfEvent, onFirstCpu } from "./perf-link.ts";
import { probePmu } from "./probe-pmu.ts";

export const attachKprobe: Attacher<"kprobe"> = (context, program, target) => {
  const { kernel } = context;
  const name = nameOf(target);
  try {
    if (program.spec.expectedAttachType === BPF_ATTACH_TYPE.TRACE_KPROBE_MULTI) {
      const mode = target.return ? "return" : "entry";
      return linkKprobes(kernel, program.fd, { names: [target.function] }, mode, [0n]);
    }
    const pmu = probePmu(kernel, "kprobe");
    if (!pmu) throw missingHook(context, target);
    const attr = {
      type: pmu.type,
      config: target.return ? pmu.returnBit : 0,
      kprobe_func: target.function,
      probe_offset: target.offset,
    };
    return attachPerfEvent(context, program, attr, onFirstCpu(context));
  } catch (error) {
    throw error instanceof SyscallError ? explain(kernel, name, target.function, error) : error;
  }
};

function explain(kernel: Kernel, name: string, symbol: string, cause: SyscallError): Error {
  const names = functionNames(kernel);
  if (cause.errno === ERRNO.ENOENT || cause.errno === ERRNO.ESRCH || !names.has(symbol))
    return new AttachError(name, "the kernel has no such function", {
      code: "unknown",
      hints: [...nearestHint(symbol, names), "Inlined functions have no symbol of their own"],
      cause,
    });
  if (cause.errno === ERRNO.EINVAL || cause.errno === ERRNO.EADDRNOTAVAIL || cause.errno === ERRNO.EILSEQ)
    return new AttachError(name, "the kernel does not let this place be probed", {
      code: "unsupported",
      hints: [
        "It may be on the kprobe blacklist (/sys/kernel/debug/kprobes/blacklist), several functions may share the name, or the offset is not at an instruction",
      ],
      cause,
    });
  return cause;
}
