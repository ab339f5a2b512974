import { brokenCapture } from "./capture.ts";
import type { Capture, CapturedPacket } from "./capture.ts";

// Wireshark's format (draft-ietf-opsawg-pcapng): blocks of a type and a length, which stands at both ends.

export const SECTION_BLOCK = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE_BLOCK = 1;
/** Of old files; its interface's number has 16 bits. */
const PACKET_BLOCK = 2;
const SIMPLE_BLOCK = 3;
const ENHANCED_BLOCK = 6;
/** Type and length in front, and the length behind. */
const FRAME_SIZE = 12;
const RESOLUTION_OPTION = 9;
const OFFSET_OPTION = 14;
const NANOSECONDS = 1_000_000_000n;

interface Interface {
  readonly linkType: number;
  /** Bytes kept of a packet; 0 is all. */
  readonly snap: number;
  /** Units of its times in a second, and seconds that are added to them. */
  readonly units: bigint;
  readonly offset: bigint;
}

/** @throws BpfkitError `testing/bad-pcap`, also for interfaces of different link types */
export function readPcapng(bytes: Uint8Array): Capture {
  const packets: CapturedPacket[] = [];
  const linkTypes = new Set<number>();
  let interfaces: Interface[] = [];
  let little = true;
  for (let at = 0; at < bytes.length;) {
    if (at + FRAME_SIZE > bytes.length) throw brokenCapture(`a block's header at ${at} is cut`);
    const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (file.getUint32(at, true) === SECTION_BLOCK) {
      little = file.getUint32(at + 8, true) === BYTE_ORDER;
      if (file.getUint32(at + 8, little) !== BYTE_ORDER)
        throw brokenCapture(`the section at ${at} has no byte order`);
      interfaces = [];
    }
    const size = file.getUint32(at + 4, little);
    if (size < FRAME_SIZE || size % 4 !== 0 || at + size > bytes.length)
      throw brokenCapture(`the block at ${at} says ${size} bytes, which are not there`);
    const block = new Block(bytes.subarray(at + 8, at + size - 4), little, at);
    const type = file.getUint32(at, little);
    if (type === INTERFACE_BLOCK) {
      const added = interfaceOf(block);
      interfaces.push(added);
      linkTypes.add(added.linkType);
    } else {
      const packet = packetOf(type, block, interfaces);
      if (packet) packets.push(packet);
    }
    at += size;
  }
  const [linkType = 0, ...others] = linkTypes;
  if (others.length > 0)
    throw brokenCapture(`its interfaces are of different link types: ${[...linkTypes].join(", ")}`);
  return { linkType, packets };
}

/** A block's body. */
class Block {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #place: number;

  constructor(bytes: Uint8Array, little: boolean, place: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
    this.#place = place;
  }

  get size(): number {
    return this.#bytes.length;
  }

  u16(at: number): number {
    this.#check(at, 2);
    return this.#view.getUint16(at, this.#little);
  }

  u32(at: number): number {
    this.#check(at, 4);
    return this.#view.getUint32(at, this.#little);
  }

  bytes(at: number, size: number): Uint8Array {
    this.#check(at, size);
    return this.#bytes.slice(at, at + size);
  }

  /** From `at` on: the bytes of the options by their codes. */
  options(at: number): Map<number, Uint8Array> {
    const options = new Map<number, Uint8Array>();
    while (at + 4 <= this.size) {
      const [code, size] = [this.u16(at), this.u16(at + 2)];
      if (code === 0) break;
      options.set(code, this.bytes(at + 4, size));
      at += 4 + Math.ceil(size / 4) * 4;
    }
    return options;
  }

  #check(at: number, size: number): void {
    if (at + size > this.size) throw brokenCapture(`the block at ${this.#place} ends within a field`);
  }
}

function interfaceOf(block: Block): Interface {
  const options = block.options(8);
  // Microseconds, unless it is said: a power of ten, or of two with the highest bit.
  const [resolution = 6] = options.get(RESOLUTION_OPTION) ?? [];
  const units = resolution & 0x80 ? 2n ** BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
  const given = options.get(OFFSET_OPTION);
  const offset = given?.length === 8 ? new Block(given, true, 0) : undefined;
  return {
    linkType: block.u16(0),
    snap: block.u32(4),
    units,
    offset: offset ? BigInt(offset.u32(0)) + (BigInt(offset.u32(4)) << 32n) : 0n,
  };
}

/** Undefined for blocks of other types, which readers skip. */
function packetOf(type: number, block: Block, interfaces: readonly Interface[]): CapturedPacket | undefined {
  if (type === SIMPLE_BLOCK) {
    const { snap } = interfaceAt(interfaces, 0);
    const length = block.u32(0);
    const kept = Math.min(length, snap === 0 ? length : snap);
    return { time: 0n, data: block.bytes(4, kept), length };
  }
  if (type !== ENHANCED_BLOCK && type !== PACKET_BLOCK) return undefined;
  const { units, offset } = interfaceAt(interfaces, type === ENHANCED_BLOCK ? block.u32(0) : block.u16(0));
  const time = (BigInt(block.u32(4)) << 32n) | BigInt(block.u32(8));
  return {
    time: (time * NANOSECONDS) / units + offset * NANOSECONDS,
    data: block.bytes(20, block.u32(12)),
    length: block.u32(16),
  };
}

function interfaceAt(interfaces: readonly Interface[], number: number): Interface {
  const found = interfaces[number];
  if (!found) throw brokenCapture(`a packet is of interface ${number}, which is not described`);
  return found;
}
