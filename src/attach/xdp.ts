import { SyscallError } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { interfaceIndex } from "./interface-index.ts";
import { BpfLink } from "./link.ts";

/** XDP_FLAGS_* of include/uapi/linux/if_link.h. */
export const XDP_MODES = { generic: 2, driver: 4, offload: 8 } as const;

/** By a link, in the mode that is asked for or the best that there is. */
export const attachXdp: Attacher<"xdp"> = ({ kernel }, program, hook) => {
  const target_fd = interfaceIndex(kernel, hook.interface);
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      target_fd,
      attach_type: BPF_ATTACH_TYPE.XDP,
      flags: hook.mode ? XDP_MODES[hook.mode] : 0,
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    if (cause.errno === ERRNO.EBUSY || cause.errno === ERRNO.EEXIST)
      throw new AttachError(`xdp:${hook.interface}`, "the interface has an XDP program already", {
        code: "failed",
        hints: [
          "bpfkit net show tells which; a dispatcher (libxdp) or one program for all is what XDP offers",
        ],
        cause,
      });
    if (cause.errno === ERRNO.EOPNOTSUPP && hook.mode === "driver")
      throw new AttachError(`xdp:${hook.interface}`, "its driver has no XDP", {
        code: "unsupported",
        hints: ["Generic XDP runs on every interface, behind the driver"],
        cause,
      });
    throw cause;
  }
};
