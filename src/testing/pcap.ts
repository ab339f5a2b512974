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

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const SECTION = 0x0a0d0d0a;
const HEADER_SIZE = 24;
const RECORD_SIZE = 16;

/**
 * Reads a capture of tcpdump's classic format (pcap), of either byte order.
 * @throws BpfkitError `testing/bad-pcap`
 */
export function readPcap(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_SIZE) throw broken("it is shorter than its header");
  const little = isMagic(view.getUint32(0, true));
  const magic = view.getUint32(0, little);
  if (magic === SECTION)
    throw broken("it is of the newer format pcapng", [
      "Convert it: editcap -F pcap IN OUT, or tcpdump -r IN -w OUT",
    ]);
  if (!isMagic(magic)) throw broken("it does not begin as one");
  const unit = magic === NANOSECONDS ? 1n : 1000n;
  const packets: CapturedPacket[] = [];
  for (let at = HEADER_SIZE; at < bytes.length;) {
    if (at + RECORD_SIZE > bytes.length) throw broken(`a packet's header at ${at} is cut`);
    const [seconds, fraction, kept, length] = [0, 4, 8, 12].map((offset) =>
      view.getUint32(at + offset, little),
    );
    const start = at + RECORD_SIZE;
    if (start + kept! > bytes.length)
      throw broken(`the packet at ${at} says ${kept} bytes, which are not there`);
    packets.push({
      time: BigInt(seconds!) * 1_000_000_000n + BigInt(fraction!) * unit,
      data: bytes.slice(start, start + kept!),
      length: length!,
    });
    at = start + kept!;
  }
  return { linkType: view.getUint32(20, little) & 0xfffffff, packets };
}

function isMagic(value: number): boolean {
  return value === MICROSECONDS || value === NANOSECONDS;
}

function broken(reason: string, hints: readonly string[] = []): BpfkitError {
  return new BpfkitError(`The bytes are no pcap file: ${reason}`, { code: "testing/bad-pcap", hints });
}
