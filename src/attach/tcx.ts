import { SyscallError } from "../kernel/index.ts";
import type { LoadedProgram } from "../loader/index.ts";
import { linkByName } from "../netlink/index.ts";
import { BPF_ATTACH_FLAG, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { AttachContext, Attacher } from "./context.ts";
import type { Anchor } from "./hook.ts";
import { BpfLink, type Link } from "./link.ts";

export const attachTcx: Attacher<"tcx"> = (context, program, hook) =>
  attachInOrder(context, program, hook, 'tcx came with Linux 6.6: use SEC("tc") with the tc hook before');

export const attachNetkit: Attacher<"netkit"> = (context, program, hook) =>
  attachInOrder(
    context,
    program,
    hook,
    "netkit devices came with Linux 6.7, and take programs at their primary end",
  );

/** Links of an interface that has a list of programs. */
function attachInOrder(
  { kernel }: AttachContext,
  program: LoadedProgram,
  hook: { readonly kind: string; readonly interface: string; readonly anchor?: Anchor },
  since: string,
): Link {
  const { anchor } = hook;
  const place = anchor?.place === "before" ? BPF_ATTACH_FLAG.BEFORE : BPF_ATTACH_FLAG.AFTER;
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      target_fd: linkByName(kernel, hook.interface).index,
      attach_type: program.spec.expectedAttachType ?? 0,
      ...(anchor && { flags: place }),
      ...(anchor?.program && { "tcx.relative_fd": anchor.program.fd }),
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== ERRNO.EINVAL) throw cause;
    throw new AttachError(`${hook.kind}:${hook.interface}`, "this kernel or interface has no such hook", {
      code: "unsupported",
      hints: [since],
      cause,
    });
  }
}
