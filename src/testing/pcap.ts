import { brokenCapture } from "./capture.ts";
import type { Capture, CapturedPacket } from "./capture.ts";
import { readPcapng, SECTION_BLOCK } from "./pcapng.ts";

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const HEADER_SIZE = 24;
const RECORD_SIZE = 16;

/**
 * Reads a capture, of tcpdump's classic format (pcap) or of Wireshark's (pcapng), of either byte order.
 * @throws BpfkitError `testing/bad-pcap`
 */
export function readPcap(file: Uint8Array): Capture {
  // A Buffer's slices are views; packets are copies.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_SIZE) throw brokenCapture("it is shorter than its header");
  const little = isMagic(view.getUint32(0, true));
  const magic = view.getUint32(0, little);
  if (magic === SECTION_BLOCK) return readPcapng(bytes);
  if (!isMagic(magic)) throw brokenCapture("it does not begin as one");
  const unit = magic === NANOSECONDS ? 1n : 1000n;
  const packets: CapturedPacket[] = [];
  for (let at = HEADER_SIZE; at < bytes.length;) {
    if (at + RECORD_SIZE > bytes.length) throw brokenCapture(`a packet's header at ${at} is cut`);
    const [seconds, fraction, kept, length] = [0, 4, 8, 12].map((offset) =>
      view.getUint32(at + offset, little),
    );
    const start = at + RECORD_SIZE;
    if (start + kept! > bytes.length)
      throw brokenCapture(`the packet at ${at} says ${kept} bytes, which are not there`);
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
