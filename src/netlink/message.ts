import { alignUp, ByteReader, ByteWriter } from "../util/index.ts";
import { Attributes } from "./attributes.ts";
import { NLM_F, NLMSG, NLMSG_ALIGN, NLMSGERR_ATTR_MSG } from "./constants.ts";
import { NetlinkError } from "./error.ts";

/** struct nlmsghdr with what follows it. */
export interface NetlinkMessage {
  readonly type: number;
  /** NLM_F bits. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

const HEADER_SIZE = 16;

export function encodeMessage({ type, flags, payload }: NetlinkMessage): Uint8Array<ArrayBuffer> {
  // The socket serves one request, so that its sequence number need not tell answers apart.
  return new ByteWriter(HEADER_SIZE + payload.length)
    .u32(HEADER_SIZE + payload.length)
    .u16(type)
    .u16(flags)
    .u32(1)
    .u32(0)
    .raw(payload)
    .finish();
}

/**
 * The messages of one datagram.
 * @throws NetlinkError `netlink/malformed`
 */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const reader = new ByteReader(datagram);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < datagram.length;) {
    const length = at + HEADER_SIZE <= datagram.length ? reader.u32(at) : 0;
    if (length < HEADER_SIZE || at + length > datagram.length)
      throw new NetlinkError(
        "netlink/malformed",
        `Message at byte ${at} does not fit into its datagram of ${datagram.length} bytes`,
      );
    messages.push({
      type: reader.u16(at + 4),
      flags: reader.u16(at + 6),
      payload: reader.slice(at + HEADER_SIZE, length - HEADER_SIZE),
    });
    at += alignUp(length, NLMSG_ALIGN);
  }
  return messages;
}

/** Whether the answer to a request ends with this datagram. */
export function endsAnswer(datagram: Uint8Array): boolean {
  return decodeMessages(datagram).some(({ type }) => type === NLMSG.DONE || type === NLMSG.ERROR);
}

export interface Outcome {
  /** 0: done. */
  readonly errno: number;
  /** The kernel's own words; empty if it gave none. */
  readonly explanation: string;
}

/** Of an answer's last message, NLMSG_ERROR or NLMSG_DONE: struct nlmsgerr, or an int, then attributes. */
export function readOutcome({ type, flags, payload }: NetlinkMessage): Outcome {
  if (payload.length < 4) return { errno: 0, explanation: "" };
  const reader = new ByteReader(payload);
  const errno = -reader.i32(0);
  if (type !== NLMSG.ERROR || (flags & NLM_F.ACK_TLVS) === 0 || payload.length < 4 + HEADER_SIZE)
    return { errno, explanation: "" };
  const request = (flags & NLM_F.CAPPED) === 0 ? reader.u32(4) : HEADER_SIZE;
  const start = 4 + alignUp(request, NLMSG_ALIGN);
  if (start > payload.length) return { errno, explanation: "" };
  const attributes = Attributes.parse(payload.subarray(start));
  return { errno, explanation: attributes.text(NLMSGERR_ATTR_MSG) ?? "" };
}
