import { BpfkitError } from "../errors.ts";
import { errnoMessage, errnoName } from "../uapi/index.ts";

export type NetlinkErrorCode = "netlink/malformed" | "netlink/refused" | "netlink/no-link";

/** A message that does not hold together, or a request that the kernel refused. */
export class NetlinkError extends BpfkitError {
  override readonly name = "NetlinkError";
  declare readonly code: NetlinkErrorCode;
  /** The kernel's answer; 0 where it is not about one. */
  readonly errno: number;

  constructor(code: NetlinkErrorCode, message: string, errno = 0, hints: readonly string[] = []) {
    super(message, { code, hints });
    this.errno = errno;
  }
}

/** `explanation`: the kernel's own words, where it gave some (NLMSGERR_ATTR_MSG). */
export function refused(what: string, errno: number, explanation: string): NetlinkError {
  const reason = explanation === "" ? "" : `: ${explanation}`;
  return new NetlinkError(
    "netlink/refused",
    `${what} failed: ${errnoMessage(errno)} (${errnoName(errno)})${reason}`,
    errno,
    errnoName(errno) === "EPERM" ? ["It takes CAP_NET_ADMIN in the network namespace: run as root"] : [],
  );
}
