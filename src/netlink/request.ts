import type { Kernel } from "../kernel/index.ts";
import { NETLINK_ROUTE, NLM_F, NLMSG } from "./constants.ts";
import { NetlinkError, refused } from "./error.ts";
import { decodeMessages, encodeMessage, endsAnswer, readOutcome } from "./message.ts";
import type { NetlinkMessage } from "./message.ts";

/** What netlink needs of the port. */
export type NetlinkPort = Pick<Kernel, "netlink">;

/**
 * Asks the kernel to change something; `what` names it in errors. Returns what it tells beside the
 * acknowledgement (NLM_F_ECHO).
 * @throws NetlinkError `netlink/refused` with the kernel's errno and words
 */
export function request(kernel: NetlinkPort, what: string, message: NetlinkMessage): NetlinkMessage[] {
  return ask(kernel, what, { ...message, flags: message.flags | NLM_F.REQUEST | NLM_F.ACK });
}

/** All objects of a kind: `type` is a GET request, `payload` its fixed header. */
export function dump(kernel: NetlinkPort, what: string, type: number, payload: Uint8Array): NetlinkMessage[] {
  return ask(kernel, what, { type, flags: NLM_F.REQUEST | NLM_F.DUMP, payload });
}

function ask(kernel: NetlinkPort, what: string, message: NetlinkMessage): NetlinkMessage[] {
  const answers = kernel.netlink(NETLINK_ROUTE, encodeMessage(message), endsAnswer).flatMap(decodeMessages);
  const end = answers.find(({ type }) => type === NLMSG.ERROR || type === NLMSG.DONE);
  if (!end) throw new NetlinkError("netlink/malformed", `${what}: the kernel's answer has no end`);
  const { errno, explanation } = readOutcome(end);
  if (errno !== 0) throw refused(what, errno, explanation);
  return answers.filter(({ type }) => type >= NLMSG.MIN_TYPE);
}
