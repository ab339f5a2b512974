import { BPF_EXIST, BPF_MAP_TYPE, ERRNO } from "../../../uapi/index.ts";
import type { KernelObject } from "../kernel-object.ts";
import { nextIndex } from "./array.ts";
import { FAST } from "./layout.ts";
import { HashMap } from "./hash.ts";
import { BpfMap, ENOTSUPP } from "./map.ts";
import type { MapDefinition, MapHost, TailTarget } from "./map.ts";

/** Arrays whose elements refer to objects of the kernel: system calls write descriptors. */
abstract class HandleArray<T extends KernelObject> extends BpfMap {
  protected readonly slots: Map<number, T> = new Map();
  readonly #next: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#next = this.memory.allocate(4);
  }

  /** The object behind a descriptor, held for the map; an error for what must not be put here. */
  protected abstract open(fd: number): T | number;

  /** What a lookup by a system call says: the object's id, or an error. */
  protected abstract idOf(object: T): number;

  override read(key: number, out: Uint8Array): number {
    const object = this.at(this.memory.u32(key));
    if (!object) return -ERRNO.ENOENT;
    const id = this.idOf(object);
    if (id < 0) return id;
    new DataView(out.buffer, out.byteOffset).setUint32(0, id, true);
    return 0;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    // fd_array_map_update_elem (kernel/bpf/arraymap.c).
    if (flags !== 0) return -ERRNO.EINVAL;
    const index = this.memory.u32(key);
    if (index >= this.definition.maxEntries) return -ERRNO.E2BIG;
    const object = this.open(new DataView(value.buffer, value.byteOffset).getUint32(0, true));
    if (typeof object === "number") return object;
    this.slots.get(index)?.release();
    this.slots.set(index, object);
    this.changed(index, object);
    return 0;
  }

  override remove(key: number): number {
    const index = this.memory.u32(key);
    if (index >= this.definition.maxEntries) return -ERRNO.E2BIG;
    const object = this.slots.get(index);
    if (!object) return -ERRNO.ENOENT;
    this.slots.delete(index);
    object.release();
    this.changed(index, undefined);
    return 0;
  }

  override update(): number {
    return -ENOTSUPP;
  }

  override next(key: number | undefined): number {
    return nextIndex(this, this.#next, this.memory, key);
  }

  at(index: number): T | undefined {
    return this.slots.get(index);
  }

  protected changed(_index: number, _object: T | undefined): void {
    // Only arrays that programs read have something to do.
  }

  protected override dispose(): void {
    for (const object of this.slots.values()) object.release();
    this.slots.clear();
    this.memory.free(this.#next);
  }
}

/** Programs for tail calls. The first one decides what others must be like (bpf_prog_map_compatible). */
export class ProgramArray extends HandleArray<TailTarget> {
  ownerType: number | undefined;

  /** What a tail call goes on with, or -1. */
  target(index: number): number {
    return this.slots.get(index)?.tailTarget() ?? -1;
  }

  protected override open(fd: number): TailTarget | number {
    const program = this.host.openProgram(fd);
    if (typeof program === "number") return program;
    this.ownerType ??= program.type;
    if (this.ownerType === program.type) return program;
    program.release();
    return -ERRNO.EINVAL;
  }

  protected override idOf(program: TailTarget): number {
    return program.id;
  }

  override describe(): Readonly<Record<string, string | number>> {
    const owner = this.ownerType === undefined ? {} : { owner_prog_type: this.ownerType, owner_jited: 1 };
    return { ...super.describe(), ...owner };
  }
}

/** Perf events, by CPU. */
export class PerfEventArray extends HandleArray<KernelObject> {
  override read(): number {
    return -ENOTSUPP;
  }

  protected override open(fd: number): KernelObject | number {
    return this.host.openEvent(fd);
  }

  protected override idOf(): number {
    return -ENOTSUPP;
  }
}

/** Cgroups; their descriptors are the real kernel's, so none of them can be put here. */
export class CgroupArray extends HandleArray<KernelObject> {
  override read(): number {
    return -ENOTSUPP;
  }

  protected override open(): number {
    return -ERRNO.EBADF;
  }

  protected override idOf(): number {
    return -ENOTSUPP;
  }
}

/** An array of maps: programs get the inner map's address. */
export class ArrayOfMaps extends HandleArray<BpfMap> {
  readonly #addresses: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#addresses = this.memory.allocate(definition.maxEntries * 8);
  }

  override lookup(key: number): number {
    return this.slots.get(this.memory.u32(key))?.address ?? 0;
  }

  protected override open(fd: number): BpfMap | number {
    return openInner(this, this.host, fd);
  }

  protected override idOf(map: BpfMap): number {
    return map.id;
  }

  protected override changed(index: number, map: BpfMap | undefined): void {
    this.memory.setU64(this.#addresses + index * 8, this.memory.pointer(map?.address ?? 0));
  }

  protected override dispose(): void {
    super.dispose();
    this.memory.free(this.#addresses);
  }
}

/** A hash of maps: values hold inner maps' addresses. */
export class HashOfMaps extends HashMap {
  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.header("lookup", FAST.none);
    this.header("change", FAST.none);
  }

  override lookup(key: number): number {
    const value = super.lookup(key);
    return value === 0 ? 0 : this.memory.u32(value);
  }

  override update(): number {
    return -ENOTSUPP;
  }

  override read(key: number, out: Uint8Array): number {
    const map = this.host.mapAt(this.lookup(key));
    if (!map) return -ERRNO.ENOENT;
    new DataView(out.buffer, out.byteOffset).setUint32(0, map.id, true);
    return 0;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    const map = openInner(this, this.host, new DataView(value.buffer, value.byteOffset).getUint32(0, true));
    if (typeof map === "number") return map;
    const old = this.host.mapAt(this.lookup(key));
    const address = new Uint8Array(Uint32Array.of(map.address).buffer);
    const result = this.memory.with(address, (at) => super.update(key, at, flags));
    if (result < 0) map.release();
    else old?.release();
    return result;
  }

  override remove(key: number): number {
    const map = this.host.mapAt(this.lookup(key));
    const result = super.remove(key);
    if (result === 0) map?.release();
    return result;
  }

  protected override dispose(): void {
    this.forEach((_key, value) => {
      this.host.mapAt(this.memory.u32(value))?.release();
      return true;
    });
    super.dispose();
  }
}

/** bpf_map_fd_get_ptr (kernel/bpf/map_in_map.c). */
function openInner(outer: BpfMap, host: MapHost, fd: number): BpfMap | number {
  const map = host.openMap(fd);
  if (typeof map === "number") return map;
  if (outer.definition.inner && map.likeInner(outer.definition.inner)) return map;
  map.release();
  return -ERRNO.EINVAL;
}

export function isMapOfMaps(type: number): boolean {
  return type === BPF_MAP_TYPE.ARRAY_OF_MAPS || type === BPF_MAP_TYPE.HASH_OF_MAPS;
}
