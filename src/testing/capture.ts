import { BpfkitError } from "../errors.ts";

/** A packet of a capture. */
export interface CapturedPacket {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly data: Uint8Array;
  /** Bytes of the whole packet, of which `data` may be the first ones only. */
  readonly length: number;
}

export interface Capture {
  /** LINKTYPE_*: 1 is Ethernet. */
  readonly linkType: number;
  readonly packets: readonly CapturedPacket[];
}

export function brokenCapture(reason: string): BpfkitError {
  return new BpfkitError(`The bytes are no capture (pcap or pcapng): ${reason}`, {
    code: "testing/bad-pcap",
    hints: ["Check that the whole file was read, and that it is not compressed"],
  });
}
