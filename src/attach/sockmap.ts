import { SyscallError } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import type { Attacher } from "./context.ts";
import { BpfLink, PlainHook } from "./link.ts";

/** By a link (Linux 6.10), else by PROG_ATTACH. */
export const attachSockmap: Attacher<"sockmap"> = ({ kernel }, program, { map }) => {
  const attach_type = program.spec.expectedAttachType ?? 0;
  try {
    const link = kernel.bpf("LINK_CREATE", { prog_fd: program.fd, target_fd: map, attach_type });
    return new BpfLink(kernel, link);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EINVAL) throw error;
  }
  const pair = { target_fd: map, attach_bpf_fd: program.fd, attach_type };
  kernel.bpf("PROG_ATTACH", pair);
  return new PlainHook(program.name, () => kernel.bpf("PROG_DETACH", pair));
};
