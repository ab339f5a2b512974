import { SyscallError } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { BpfLink } from "./link.ts";

/** NFPROTO_*, NF_INET_* and BPF_F_NETFILTER_IP_DEFRAG. */
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const DEFRAGMENT = 1;

export const attachNetfilter: Attacher<"netfilter"> = ({ kernel }, program, hook) => {
  const name = `netfilter:${hook.family}:${hook.hook}`;
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      attach_type: BPF_ATTACH_TYPE.NETFILTER,
      "netfilter.pf": FAMILIES[hook.family],
      "netfilter.hooknum": HOOKS[hook.hook],
      "netfilter.priority": hook.priority,
      "netfilter.flags": hook.defragment === true ? DEFRAGMENT : 0,
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    if (cause.errno === ERRNO.EPERM || cause.errno === ERRNO.EBUSY)
      throw new AttachError(name, `priority ${hook.priority} is taken, or the first or last there is`, {
        code: "failed",
        hints: ["Choose another priority: each hook holds one program a priority"],
        cause,
      });
    if (cause.errno === ERRNO.EINVAL)
      throw new AttachError(name, "this kernel has no netfilter programs", {
        code: "unsupported",
        hints: ["They came with Linux 6.4 and need CONFIG_NETFILTER_BPF_LINK"],
        cause,
      });
    throw cause;
  }
};
