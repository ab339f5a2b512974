import { SyscallError } from "../kernel/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { hasTrampolines, missingHook, nameOf } from "./hooks.ts";

/** fentry and fexit: the function was fixed when the program was loaded. */
export const attachTrampoline: Attacher<"fentry"> = (context, program, target) => {
  const { kernel } = context;
  try {
    const link = kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program.fd });
    return { [Symbol.dispose]: () => kernel.close(link) };
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    if (!hasTrampolines(context)) throw missingHook(context, target, cause);
    throw new AttachError(nameOf(target), cause.message, {
      code: "failed",
      hints: ["A function that was patched, or not compiled for tracing, cannot be hooked: try a kprobe"],
      cause,
    });
  }
};
