import { ERRNO } from "../../../uapi/index.ts";
import { roundUp } from "../heap.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost } from "./map.ts";

/** kernel/bpf/bloom_filter.c: values without keys, that may be in it or certainly are not. */
export class BloomFilter extends BpfMap {
  readonly #hashes: number;
  readonly #bits: number;
  readonly #mask: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#hashes = Number(definition.extra & 0xfn) || 5;
    // 7/5 is about 1/ln 2: the number of bits for few false answers.
    const wanted = Math.ceil((definition.maxEntries * this.#hashes * 7) / 5);
    const bits = Math.max(64, 2 ** Math.ceil(Math.log2(wanted)));
    this.#mask = bits - 1;
    this.#bits = this.memory.allocate(roundUp(bits / 8, 8));
  }

  override push(value: number, flags: number): number {
    if (flags !== 0) return -ERRNO.EINVAL;
    for (const bit of this.#positions(value)) this.memory.bytes[this.#bits + (bit >>> 3)]! |= 1 << (bit & 7);
    return 0;
  }

  override peek(value: number): number {
    for (const bit of this.#positions(value))
      if ((this.memory.bytes[this.#bits + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return -ERRNO.ENOENT;
    return 0;
  }

  override read(_key: number, out: Uint8Array): number {
    return this.memory.with(out, (address) => this.peek(address));
  }

  override write(_key: number, value: Uint8Array, flags: number): number {
    return this.memory.with(value, (address) => this.push(address, flags));
  }

  override update(): number {
    return -ERRNO.EINVAL;
  }

  protected override dispose(): void {
    this.memory.free(this.#bits);
  }

  /** FNV-1a with a seed for each of the hashes. */
  #positions(value: number): number[] {
    const bytes = this.memory.slice(value, this.definition.valueSize);
    return Array.from({ length: this.#hashes }, (_, seed) => {
      let hash = (0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1)) | 0;
      for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
      hash ^= hash >>> 15;
      return (Math.imul(hash, 0x85ebca6b) >>> 7) & this.#mask;
    });
  }
}
