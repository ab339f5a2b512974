import type { Memory } from "../memory.ts";
import type { StructPlaces } from "./struct-places.ts";

/**
 * Some structs that belong together, in one block of memory, each filled member by member. What a struct has not, by
 * the BTF that programs see, is left out.
 */
export class StructBlock {
  readonly #memory: Memory;
  readonly #layout: BlockLayout;
  readonly address: number;

  constructor(memory: Memory, layout: BlockLayout, address: number) {
    this.#memory = memory;
    this.#layout = layout;
    this.address = address;
  }

  /** Address of a part. */
  at(part: string): number {
    return this.address + this.#layout.offset(part);
  }

  set(part: string, member: string, value: number | bigint): void {
    const place = this.#layout.places.member(part, member);
    if (!place) return;
    const { view } = this.#memory;
    const at = this.at(part) + place.offset;
    if (place.size === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    else if (place.size === 2) view.setInt16(at, Number(value) | 0, true);
    else if (place.size === 1) view.setInt8(at, Number(value) | 0);
    else if (place.size === 4) view.setInt32(at, Number(value) | 0, true);
  }

  /** Sets a pointer; to 0 it is null. */
  point(part: string, member: string, to: number): void {
    this.set(part, member, this.#memory.pointer(to));
  }

  /** A text in an array of characters, cut if it does not fit; the rest is zeroes. */
  text(part: string, member: string, text: string): void {
    this.bytes(part, member, Buffer.from(`${text}\0`, "latin1"));
    const place = this.#layout.places.member(part, member);
    if (place && place.size > 0) this.#memory.bytes[this.at(part) + place.offset + place.size - 1] = 0;
  }

  bytes(part: string, member: string, bytes: Uint8Array): void {
    const place = this.#layout.places.member(part, member);
    if (!place) return;
    const out = this.#memory.slice(this.at(part) + place.offset, place.size);
    out.fill(0);
    out.set(bytes.subarray(0, place.size));
  }
}

/** Which structs a block has, one behind the other. */
export class BlockLayout {
  readonly places: StructPlaces;
  readonly size: number;
  readonly #offsets: ReadonlyMap<string, number>;

  constructor(places: StructPlaces, parts: readonly string[]) {
    this.places = places;
    const offsets = new Map<string, number>();
    let size = 0;
    for (const part of parts) {
      offsets.set(part, size);
      size += Math.ceil(places.size(part) / 8) * 8;
    }
    this.#offsets = offsets;
    this.size = size;
  }

  offset(part: string): number {
    return this.#offsets.get(part)!;
  }
}
