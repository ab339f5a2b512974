import {
  addBpfFilter,
  addClsact,
  deleteBpfFilter,
  deleteClsact,
  linkByName,
  NetlinkError,
} from "../netlink/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { PlainHook } from "./link.ts";

/** A classifier that gives the verdict, at a clsact qdisc that is made where there is none. */
export const attachTc: Attacher<"tc"> = ({ kernel }, program, hook) => {
  const { direction, priority } = hook;
  const { index: ifindex } = linkByName(kernel, hook.interface);
  const own = makeClsact(kernel, ifindex);
  try {
    const filter = addBpfFilter(kernel, {
      ifindex,
      direction,
      program: program.fd,
      name: program.name,
      ...(priority !== undefined && { priority }),
    });
    return new PlainHook(program.name, () => {
      deleteBpfFilter(kernel, { ifindex, direction, priority: filter.priority, handle: filter.handle });
      if (own) deleteClsact(kernel, ifindex);
    });
  } catch (error) {
    if (own) deleteClsact(kernel, ifindex);
    throw error;
  }
};

/** Whether it was made here, and so is to be removed with the program. */
function makeClsact(kernel: Kernel, ifindex: number): boolean {
  try {
    addClsact(kernel, ifindex);
    return true;
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    if (error.errno === ERRNO.EEXIST) return false;
    if (error.errno !== ERRNO.ENOENT) throw error;
    throw new AttachError("tc", "this kernel has no clsact qdisc", {
      code: "unsupported",
      hints: [
        'modprobe sch_ingress (CONFIG_NET_SCH_INGRESS), or SEC("tcx/ingress"), which needs none (Linux 6.6)',
      ],
      cause: error,
    });
  }
}
