import { BPF_F, ERRNO } from "../../../uapi/index.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost } from "./map.ts";

/** kernel/bpf/stackmap.c: call chains by an id that is their hash's bucket. */
export class StackTraceMap extends BpfMap {
  readonly #stacks = new Map<number, readonly bigint[]>();
  readonly #buckets: number;
  readonly #next: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#buckets = 2 ** Math.ceil(Math.log2(definition.maxEntries));
    this.#next = this.memory.allocate(4);
  }

  /** The id of a call chain, innermost address first, or an error (bpf_get_stackid). */
  idOf(chain: readonly bigint[], flags: number): number {
    const kept = chain.slice(0, this.definition.valueSize / 8);
    if (kept.length === 0) return -ERRNO.EFAULT;
    let hash = 0x811c9dc5;
    for (const address of kept)
      for (const half of [Number(address & 0xffffffffn), Number((address >> 32n) & 0xffffffffn)])
        hash = Math.imul(hash ^ half, 0x01000193) ^ (hash >>> 13);
    const id = (hash >>> 0) % this.#buckets;
    const known = this.#stacks.get(id);
    const same = known?.length === kept.length && known.every((address, index) => address === kept[index]);
    if (known && !same && (flags & BPF_F.REUSE_STACKID) === 0) return -ERRNO.EEXIST;
    if (!same) this.#stacks.set(id, kept);
    return id;
  }

  override read(key: number, out: Uint8Array): number {
    const stack = this.#stacks.get(this.memory.u32(key));
    if (!stack) return -ERRNO.ENOENT;
    out.fill(0);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    stack.forEach((address, index) => view.setBigUint64(index * 8, address, true));
    return 0;
  }

  override write(): number {
    return -ERRNO.EINVAL;
  }

  override remove(key: number): number {
    const id = this.memory.u32(key);
    if (id >= this.#buckets) return -ERRNO.E2BIG;
    return this.#stacks.delete(id) ? 0 : -ERRNO.ENOENT;
  }

  override next(key: number | undefined): number {
    const last = key === undefined ? -1 : this.memory.u32(key);
    // An id that is not there begins the walk anew.
    const start = last >= 0 && this.#stacks.has(last) ? last + 1 : 0;
    const ids = [...this.#stacks.keys()].filter((id) => id >= start).sort((a, b) => a - b);
    if (ids[0] === undefined) return 0;
    this.memory.setU32(this.#next, ids[0]);
    return this.#next;
  }

  protected override dispose(): void {
    this.memory.free(this.#next);
  }
}
