import { STRUCT } from "../../../uapi/index.ts";
import type { Memory } from "../memory.ts";

/** What a packet that needs more room gets besides. */
const ENOUGH = 64;

/** A packet in memory: free room, metadata of XDP, bytes, free room. All are addresses. */
export class Packet {
  readonly memory: Memory;
  #block: number;
  #end: number;
  data: number;
  dataEnd: number;
  /** Where metadata begin: `data` without any. */
  meta: number;
  /** What lies behind in other pages (XDP's fragments): programs reach it by helpers alone. */
  rest: Uint8Array = new Uint8Array(0);

  constructor(memory: Memory, bytes: Uint8Array, headroom: number, tailroom: number) {
    this.memory = memory;
    this.#block = memory.allocate(headroom + bytes.length + tailroom);
    this.data = this.#block + headroom;
    this.meta = this.data;
    this.dataEnd = this.data + bytes.length;
    this.#end = this.dataEnd + tailroom;
    memory.bytes.set(bytes, this.data);
  }

  get length(): number {
    return this.dataEnd - this.data;
  }

  get headroom(): number {
    return this.data - this.#block;
  }

  get tailroom(): number {
    return this.#end - this.dataEnd;
  }

  /** With what lies in other pages. */
  get wholeLength(): number {
    return this.length + this.rest.length;
  }

  /** Bytes from an offset on, also of other pages; undefined where they are not all there. */
  read(offset: number, size: number): Uint8Array | undefined {
    if (offset < 0 || size < 0 || offset + size > this.wholeLength) return undefined;
    return offset + size <= this.length
      ? this.memory.slice(this.data + offset, size)
      : new Uint8Array(Buffer.concat([this.bytes(), this.rest])).subarray(offset, offset + size);
  }

  write(offset: number, bytes: Uint8Array): boolean {
    if (offset < 0 || offset + bytes.length > this.wholeLength) return false;
    const here = Math.max(0, Math.min(bytes.length, this.length - offset));
    this.memory.bytes.set(bytes.subarray(0, here), this.data + offset);
    this.rest.set(bytes.subarray(here), Math.max(0, offset - this.length));
    return true;
  }

  bytes(): Uint8Array {
    return this.memory.slice(this.data, this.length);
  }

  /** More room before and behind, in another place; what lies in the room that there is stays. */
  enlarge(head: number, tail: number): void {
    const { bytes } = this.memory;
    const size = this.#end - this.#block;
    const block = this.memory.allocate(head + size + tail);
    bytes.copyWithin(block + head, this.#block, this.#end);
    const moved = block + head - this.#block;
    this.memory.free(this.#block);
    this.#block = block;
    this.#end = block + head + size + tail;
    this.data += moved;
    this.meta += moved;
    this.dataEnd += moved;
  }

  /** `size` more bytes behind `at`, zeroes; the headroom is used up first. */
  insert(at: number, size: number): void {
    if (size > this.headroom) this.enlarge(size + ENOUGH, 0);
    const { bytes } = this.memory;
    bytes.copyWithin(this.data - size, this.data, this.data + at);
    this.data -= size;
    this.meta = this.data;
    bytes.fill(0, this.data + at, this.data + at + size);
  }

  remove(at: number, size: number): void {
    this.memory.bytes.copyWithin(this.data + size, this.data, this.data + at);
    this.data += size;
    this.meta = this.data;
  }

  /** A new end; bytes that are added are zero. False if there is no room. */
  resize(length: number): boolean {
    if (length < 0 || length - this.length > this.tailroom) return false;
    const end = this.data + length;
    if (end > this.dataEnd) this.memory.bytes.fill(0, this.dataEnd, end);
    this.dataEnd = end;
    return true;
  }

  /** To the checked mode only the packet itself is there. */
  markBounds(): void {
    const { shadow } = this.memory;
    shadow?.mark(this.#block, this.#end - this.#block, "nothing");
    shadow?.mark(this.meta, this.dataEnd - this.meta, "live");
  }

  free(): void {
    this.memory.free(this.#block);
  }
}

const ETH_HLEN = 14;
const SKB = STRUCT.__sk_buff.fields;
const MD = STRUCT.xdp_md.fields;

/** A packet with the context that a program is given for it. */
export interface PacketContext {
  readonly kind: "skb" | "xdp";
  readonly packet: Packet;
  readonly address: number;
  /** From the packet's first byte to its network header. */
  network: number;
  /** The same to its link-layer header, which lies before packets of layer 3. */
  link: number;
  /** Writes the packet's bounds into the context: after each change of them. */
  sync(): void;
}

export function skbContext(packet: Packet, address: number, network: number): PacketContext {
  const { memory } = packet;
  return {
    kind: "skb",
    packet,
    address,
    network,
    link: network - ETH_HLEN,
    sync() {
      packet.markBounds();
      memory.setU32(address + SKB.len.offset, packet.length);
      memory.setU32(address + SKB.data.offset, packet.data);
      memory.setU32(address + SKB.data_end.offset, packet.dataEnd);
      memory.setU32(address + SKB.data_meta.offset, packet.meta);
    },
  };
}

export function xdpContext(packet: Packet, address: number): PacketContext {
  const { memory } = packet;
  return {
    kind: "xdp",
    packet,
    address,
    network: ETH_HLEN,
    link: 0,
    sync() {
      packet.markBounds();
      memory.setU32(address + MD.data.offset, packet.data);
      memory.setU32(address + MD.data_end.offset, packet.dataEnd);
      memory.setU32(address + MD.data_meta.offset, packet.meta);
    },
  };
}

/** Offsets that LD_ABS takes below 0 (include/uapi/linux/filter.h). */
const NETWORK_OFFSET = -0x100000;
const LINK_OFFSET = -0x200000;

/** Bytes of a packet in host order, or -1 beyond its end: LD_ABS and LD_IND. */
export function loadFromPacket(context: PacketContext, offset: number, size: number): bigint {
  const { packet, network, link } = context;
  let at = packet.data + offset;
  if (offset < 0) {
    if (offset >= NETWORK_OFFSET) at = packet.data + network + (offset - NETWORK_OFFSET);
    else if (offset >= LINK_OFFSET) at = packet.data + link + (offset - LINK_OFFSET);
    else return -1n;
  }
  if (at < packet.data + link || at + size > packet.dataEnd) return -1n;
  const { view } = packet.memory;
  return BigInt(size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at));
}
