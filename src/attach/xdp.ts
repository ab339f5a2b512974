import { SyscallError } from "../kernel/index.ts";
import { linkByName, setXdp, XDP_FLAGS } from "../netlink/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { BpfLink, PlainHook } from "./link.ts";

const MODES = {
  generic: XDP_FLAGS.SKB_MODE,
  driver: XDP_FLAGS.DRV_MODE,
  offload: XDP_FLAGS.HW_MODE,
} as const;

/** By a link, or by netlink, in the mode that is asked for or the best that there is. */
export const attachXdp: Attacher<"xdp"> = ({ kernel }, program, hook) => {
  const target_fd = linkByName(kernel, hook.interface).index;
  const flags = hook.mode ? MODES[hook.mode] : 0;
  if (hook.netlink === true) {
    setXdp(kernel, {
      ifindex: target_fd,
      program: program.fd,
      flags: flags | XDP_FLAGS.UPDATE_IF_NOEXIST,
    });
    return new PlainHook(program.name, () =>
      setXdp(kernel, { ifindex: target_fd, program: undefined, flags }),
    );
  }
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      target_fd,
      attach_type: BPF_ATTACH_TYPE.XDP,
      flags,
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
