import { BPF_PROG_TYPE } from "../uapi/index.ts";
import type { Attacher } from "./context.ts";
import { PlainHook } from "./link.ts";

/** SO_* of include/uapi/asm-generic/socket.h. */
const FILTER = { attach: 50, detach: 27 } as const;
const REUSEPORT = { attach: 52, detach: 68 } as const;

/** The socket keeps the program until it is taken off or the socket is closed. */
export const attachSocket: Attacher<"socket"> = ({ kernel }, program, { fd }) => {
  const option = program.spec.type === BPF_PROG_TYPE.SK_REUSEPORT ? REUSEPORT : FILTER;
  kernel.setSocketOption(fd, option.attach, program.fd);
  return new PlainHook(program.name, () => kernel.setSocketOption(fd, option.detach, 0));
};
