import { SyscallError } from "../kernel/index.ts";
import type { LoadedProgram } from "../loader/index.ts";
import { BPF_ATTACH_TYPE } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { AttachContext, Attacher } from "./context.ts";
import { hasTrampolines, missingHook, nameOf } from "./hooks.ts";
import { BpfLink, type Link } from "./link.ts";

/** fentry and fexit of the tracing language. */
export const attachTrampoline: Attacher<"fentry"> = (context, program, target) =>
  attachByType(context, program, nameOf(target));

/** Programs whose function, tracepoint or LSM hook was fixed when they were loaded. */
export const attachTyped: Attacher<"typed"> = (context, program) =>
  attachByType(context, program, program.spec.section);

function attachByType(context: AttachContext, program: LoadedProgram, name: string): Link {
  const { kernel, cookie } = context;
  const { expectedAttachType: type = 0, attachTarget = "" } = program.spec;
  try {
    const link =
      cookie === undefined
        ? kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program.fd })
        : kernel.bpf("LINK_CREATE", { prog_fd: program.fd, attach_type: type, "tracing.cookie": cookie });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    // BTF tracepoints need none.
    if (type !== BPF_ATTACH_TYPE.TRACE_RAW_TP && !hasTrampolines(context)) {
      const isReturn = type === BPF_ATTACH_TYPE.TRACE_FEXIT;
      throw missingHook(context, { kind: "fentry", function: attachTarget, return: isReturn }, cause);
    }
    throw new AttachError(name, cause.message, {
      code: "failed",
      hints: ["A function that was patched, or not compiled for tracing, cannot be hooked: try a kprobe"],
      cause,
    });
  }
}

/** Another program's function in place of the one that the extension was loaded for. */
export const attachFreplace: Attacher<"freplace"> = ({ kernel }, program, hook) => {
  const link = kernel.bpf("LINK_CREATE", {
    prog_fd: program.fd,
    target_fd: hook.program,
    attach_type: program.spec.expectedAttachType ?? 0,
    target_btf_id: hook.functionTypeId,
  });
  return new BpfLink(kernel, link);
};
