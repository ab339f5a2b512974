import { BPF_EXIST, BPF_MAP_TYPE, ERRNO } from "../../../uapi/index.ts";
import { HEADER_SIZE } from "./layout.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost } from "./map.ts";

/** Queues and stacks (kernel/bpf/queue_stack_maps.c): a ring of values without keys. */
export class QueueMap extends BpfMap {
  readonly #data: number;
  readonly #slots: number;
  #head = 0;
  #tail = 0;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    // One slot stays empty, so that a full ring is not an empty one.
    this.#slots = definition.maxEntries + 1;
    this.#data = this.memory.allocate(this.#slots * definition.valueSize);
  }

  override push(value: number, flags: number): number {
    const replace = flags === BPF_EXIST;
    if (flags !== 0 && !replace) return -ERRNO.EINVAL;
    if (this.#wrap(this.#head + 1) === this.#tail) {
      if (!replace) return -ERRNO.E2BIG;
      this.#tail = this.#wrap(this.#tail + 1);
    }
    this.memory.copy(this.#at(this.#head), value, this.definition.valueSize);
    this.#head = this.#wrap(this.#head + 1);
    return 0;
  }

  override pop(value: number): number {
    const result = this.peek(value);
    if (result < 0) return result;
    if (this.#isStack) this.#head = this.#last();
    else this.#tail = this.#wrap(this.#tail + 1);
    return 0;
  }

  override peek(value: number): number {
    const { valueSize } = this.definition;
    if (this.#head === this.#tail) {
      this.memory.bytes.fill(0, value, value + valueSize);
      return -ERRNO.ENOENT;
    }
    const from = this.#at(this.#isStack ? this.#last() : this.#tail);
    this.memory.copy(value, from, valueSize);
    return 0;
  }

  override update(): number {
    return -ERRNO.EINVAL;
  }

  override remove(): number {
    return -ERRNO.EINVAL;
  }

  override read(_key: number, out: Uint8Array): number {
    return this.#out(out, (address) => this.peek(address));
  }

  override write(_key: number, value: Uint8Array, flags: number): number {
    return this.memory.with(value, (address) => this.push(address, flags));
  }

  override take(_key: number, out: Uint8Array): number {
    return this.#out(out, (address) => this.pop(address));
  }

  override next(): number {
    return -ERRNO.EINVAL;
  }

  protected override memoryUsed(): number {
    return HEADER_SIZE + this.#slots * this.definition.valueSize;
  }

  protected override dispose(): void {
    this.memory.free(this.#data);
  }

  get #isStack(): boolean {
    return this.type === BPF_MAP_TYPE.STACK;
  }

  #out(out: Uint8Array, take: (address: number) => number): number {
    return this.memory.with(out, (address) => {
      const result = take(address);
      out.set(this.memory.slice(address, out.length));
      return result;
    });
  }

  #last(): number {
    return this.#wrap(this.#head + this.#slots - 1);
  }

  #wrap(index: number): number {
    return index % this.#slots;
  }

  #at(index: number): number {
    return this.#data + index * this.definition.valueSize;
  }
}
