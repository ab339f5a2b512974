import { closeSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import type { SyscallArgument } from "./native.ts";

interface SocketCalls {
  /** Throws where the call fails. */
  readonly call: (
    name: "socket" | "setsockopt" | "sendto" | "recvfrom",
    ...args: readonly SyscallArgument[]
  ) => number;
  /** Address of a buffer that lives until the next call returns. */
  readonly pin: (buffer: Uint8Array) => bigint;
}

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
/** Errors come with the kernel's own words (Linux 4.12). */
const NETLINK_EXT_ACK = 11;
/** recvfrom(2) then returns how long the datagram was, however much of it there was room for. */
const MSG_TRUNC = 0x20;
/** More than the kernel puts into one datagram: NLMSG_GOODSIZE, or 32 KiB for dumps. */
const RECEIVE_SIZE = 1 << 17;
/** The kernel answers at once; a protocol that does not must not hang the program. */
const PATIENCE_SECONDS = 10n;

/** One request and its answer, on a socket that lives no longer. */
export function exchange(
  { call, pin }: SocketCalls,
  protocol: number,
  request: Uint8Array,
  isLast: (datagram: Uint8Array) => boolean,
): Uint8Array[] {
  const fd = call("socket", AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
  try {
    const timeout = new BigInt64Array([PATIENCE_SECONDS, 0n]);
    const address = pin(new Uint8Array(timeout.buffer));
    call("setsockopt", fd, SOL_SOCKET, SO_RCVTIMEO, address, timeout.byteLength);
    call("setsockopt", fd, SOL_NETLINK, NETLINK_EXT_ACK, pin(new Uint8Array([1, 0, 0, 0])), 4);
    call("sendto", fd, pin(request), request.byteLength, 0, 0, 0);
    return [...receive({ call, pin }, fd, isLast)];
  } finally {
    closeSync(fd);
  }
}

function* receive(
  { call, pin }: SocketCalls,
  fd: number,
  isLast: (datagram: Uint8Array) => boolean,
): Generator<Uint8Array> {
  const buffer = new Uint8Array(RECEIVE_SIZE);
  for (;;) {
    const length = call("recvfrom", fd, pin(buffer), buffer.byteLength, MSG_TRUNC, 0, 0);
    if (length > buffer.byteLength)
      throw new BpfkitError(`A netlink datagram of ${length} bytes is longer than any kernel sends`, {
        code: "kernel/netlink-truncated",
      });
    const datagram = buffer.slice(0, length);
    yield datagram;
    if (isLast(datagram)) return;
  }
}
