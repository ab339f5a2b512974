import { SyscallError } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";

/** fentry and fexit: the function was fixed when the program was loaded. */
export const attachTrampoline: Attacher<"fentry"> = ({ kernel }, program, target) => {
  try {
    const link = kernel.bpf("RAW_TRACEPOINT_OPEN", { prog_fd: program.fd });
    return { [Symbol.dispose]: () => kernel.close(link) };
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    const name = `${target.return ? "fexit" : "fentry"}:${target.function}`;
    const missing = cause.errno === ERRNO.ENOTSUPP || cause.errno === ERRNO.EOPNOTSUPP;
    throw new AttachError(name, missing ? "this kernel has no BPF trampolines for it" : cause.message, {
      code: missing ? "unsupported" : "failed",
      hints: missing
        ? [
            `Use ${target.return ? "kretprobe" : "kprobe"}:${target.function} (fentry needs CONFIG_FUNCTION_TRACER)`,
          ]
        : ["A function that was patched, or not compiled for tracing, cannot be hooked: try a kprobe"],
      cause,
    });
  }
};
