import { BPF_EXIST, BPF_F, BPF_NOEXIST, ERRNO } from "../../../uapi/index.ts";
import { OutOfMemoryError } from "../heap.ts";
import { BpfMap } from "./map.ts";

/**
 * Values that belong to tasks, cgroups, sockets or inodes (kernel/bpf/bpf_local_storage.c). Owners are told
 * apart by a number that the kernel's part for them chooses.
 */
export class StorageMap extends BpfMap {
  readonly #values = new Map<number, number>();

  /** The value's address, made of `initial` (or zeroes) if it is not there; 0 without it. */
  storageOf(owner: number, create: boolean, initial = 0): number {
    const known = this.#values.get(owner);
    if (known !== undefined || !create) return known ?? 0;
    const { valueSize, fields } = this.definition;
    try {
      const address = this.memory.allocateShared(valueSize);
      if (initial !== 0)
        fields.replace(this.memory.slice(address, valueSize), this.memory.slice(initial, valueSize));
      this.#values.set(owner, address);
      return address;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return 0;
      throw error;
    }
  }

  deleteOf(owner: number): number {
    const address = this.#values.get(owner);
    if (address === undefined) return -ERRNO.ENOENT;
    this.#values.delete(owner);
    this.memory.free(address);
    return 0;
  }

  // System calls name the owner by a descriptor, which the kernel has turned into its number.

  override lookup(key: number): number {
    return this.storageOf(this.memory.u32(key), false);
  }

  override update(key: number, value: number, flags: number): number {
    if ((flags & ~BPF_F.LOCK) > BPF_EXIST) return -ERRNO.EINVAL;
    const owner = this.memory.u32(key);
    const known = this.#values.get(owner);
    if (known !== undefined && (flags & BPF_NOEXIST) !== 0) return -ERRNO.EEXIST;
    if (known === undefined && (flags & BPF_EXIST) !== 0) return -ERRNO.ENOENT;
    const at = this.storageOf(owner, true);
    if (at === 0) return -ERRNO.ENOMEM;
    const { valueSize, fields } = this.definition;
    fields.replace(this.memory.slice(at, valueSize), this.memory.slice(value, valueSize));
    return 0;
  }

  override remove(key: number): number {
    return this.deleteOf(this.memory.u32(key));
  }

  protected override dispose(): void {
    for (const address of this.#values.values()) this.memory.free(address);
    this.#values.clear();
  }
}
