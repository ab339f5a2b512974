import { BPF_F, BPF_MAP_TYPE, ERRNO } from "../../../uapi/index.ts";
import { KernelObject } from "../kernel-object.ts";
import type { Memory } from "../memory.ts";
import type { InlineArray } from "../vm/index.ts";
import type { FastPath } from "./fast-path.ts";
import { HEADER, HEADER_SIZE } from "./layout.ts";
import type { ValueFields } from "./value-fields.ts";

/** What the kernel says to operations that a type of map has not; user space has no name for it. */
export const ENOTSUPP = 524;

/** What a map needs of the kernel it lives in. */
export interface MapHost {
  readonly memory: Memory;
  readonly fast: FastPath;
  /** Possible CPUs, numbered from 0. */
  readonly cpus: number;
  /** Where the CPU that runs is told. */
  readonly cpuCell: number;
  /** Whether programs may not reach what they have deleted: the checked mode at its strictest. */
  readonly strict: boolean;
  /** The CPU that runs. */
  cpu(): number;
  /** The object behind a descriptor that a value holds, referred to once more; or an error. */
  openMap(fd: number): BpfMap | number;
  openProgram(fd: number): TailTarget | number;
  openEvent(fd: number): KernelObject | number;
  mapAt(address: number): BpfMap | undefined;
  /** A ring buffer got something to read. */
  wake(map: BpfMap): void;
  forget(map: BpfMap): void;
}

export interface MapRegion {
  readonly address: number;
  readonly size: number;
  /** Which bytes may be written: from one offset up to another. */
  readonly writable: readonly [from: number, to: number];
}

/** A program as program arrays see it. */
export interface TailTarget extends KernelObject {
  readonly id: number;
  readonly type: number;
  /** BPF_ATTACH_TYPE number. */
  readonly attachType: number;
  /** What a tail call goes on with. */
  tailTarget(): number;
}

export interface MapDefinition {
  /** BPF_MAP_TYPE number. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  readonly name: string;
  /** Of maps of maps: what they hold; the new map refers to it. */
  readonly inner?: BpfMap | undefined;
  readonly btf?:
    | { readonly object: KernelObject; readonly id: number; readonly key: number; readonly value: number }
    | undefined;
  readonly fields: ValueFields;
}

/**
 * A map. Programs call it by addresses of keys and values in memory; system calls bring bytes. Results of
 * changes are 0 or an error number, negative.
 */
export abstract class BpfMap extends KernelObject {
  readonly kind = "map";
  readonly id: number;
  readonly definition: MapDefinition;
  /** Of the header: what programs hold as the map. */
  readonly address: number;
  protected readonly host: MapHost;
  protected readonly memory: Memory;
  frozen = false;
  /** Mappings that may write: they keep the map from being frozen. */
  writers = 0;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super();
    this.host = host;
    this.memory = host.memory;
    this.id = id;
    this.definition = definition;
    this.address = this.memory.allocate(HEADER_SIZE);
    this.memory.shadow?.mark(this.address, 1, this.sharedAs === "live" ? "map" : "readonlyMap");
    this.header("id", id);
    this.header("keySize", definition.keySize);
    this.header("valueSize", definition.valueSize);
    this.header("maxEntries", definition.maxEntries);
  }

  get type(): number {
    return this.definition.type;
  }

  /** What programs may do with its values. */
  get sharedAs(): "live" | "readonly" {
    return (this.definition.flags & BPF_F.RDONLY_PROG) === 0 ? "live" : "readonly";
  }

  /** Whether programs' lookups give values of the size that the map was made with. */
  get givesValues(): boolean {
    return false;
  }

  /** Bytes that a system call's value has. */
  get userValueSize(): number {
    return this.definition.valueSize;
  }

  // What programs call.

  /** The value's address, or 0. */
  lookup(_key: number): number {
    return 0;
  }

  update(_key: number, _value: number, _flags: number): number {
    return -ENOTSUPP;
  }

  remove(_key: number): number {
    return -ENOTSUPP;
  }

  push(_value: number, _flags: number): number {
    return -ENOTSUPP;
  }

  pop(_value: number): number {
    return -ENOTSUPP;
  }

  peek(_value: number): number {
    return -ENOTSUPP;
  }

  /** Values of a per-CPU map by CPU. */
  lookupOn(_key: number, _cpu: number): number {
    return 0;
  }

  // What system calls do.

  /** Copies the value into `out`: 0 or an error. */
  read(key: number, out: Uint8Array, _flags: number): number {
    const value = this.lookup(key);
    if (value === 0) return -ERRNO.ENOENT;
    out.set(this.memory.slice(value, out.length));
    this.definition.fields.clear(out);
    return 0;
  }

  write(key: number, value: Uint8Array, flags: number): number {
    return this.memory.with(value, (address) => this.update(key, address, flags));
  }

  /** The address of the key that follows, of the first without one; 0 at the end, or an error. */
  next(_key: number | undefined): number {
    return -ENOTSUPP;
  }

  /** Reads and takes away. */
  take(key: number, out: Uint8Array, flags: number): number {
    const result = this.read(key, out, flags);
    return result < 0 ? result : this.remove(key);
  }

  /** Memory to map, if the type has some. */
  region(): MapRegion | undefined {
    return undefined;
  }

  /** Where its elements lie, if lookups are a sum. */
  inlineArray(): InlineArray | undefined {
    return undefined;
  }

  /** The key of the element with a value, where both lie together. */
  keyOfValue(_value: number): number | undefined {
    return undefined;
  }

  readable(): boolean {
    return false;
  }

  /** Calls back for every element: addresses of key and value. False ends it. */
  forEach(_visit: (key: number, value: number) => boolean): number {
    return -ERRNO.EINVAL;
  }

  /** Whether the map may be an inner map in the place of another. */
  likeInner(other: BpfMap): boolean {
    const mine = this.definition;
    const { type, keySize, valueSize, flags, maxEntries } = other.definition;
    return (
      mine.type === type &&
      mine.keySize === keySize &&
      mine.valueSize === valueSize &&
      mine.flags === flags &&
      (maxEntries === mine.maxEntries || !SIZED.has(type) || (flags & BPF_F.INNER_MAP) !== 0)
    );
  }

  override describe(): Readonly<Record<string, string | number>> {
    const { type, keySize, valueSize, maxEntries, flags, extra } = this.definition;
    return {
      map_type: type,
      key_size: keySize,
      value_size: valueSize,
      max_entries: maxEntries,
      map_flags: `0x${flags.toString(16)}`,
      map_extra: `0x${extra.toString(16)}`,
      memlock: this.memoryUsed(),
      map_id: this.id,
      frozen: this.frozen ? 1 : 0,
    };
  }

  protected memoryUsed(): number {
    return HEADER_SIZE;
  }

  protected free(): void {
    try {
      this.dispose();
    } catch (error) {
      // A program wrote where it must not: what the map led to goes with the whole memory.
      if (!(error instanceof RangeError)) throw error;
    }
    this.host.forget(this);
    this.memory.free(this.address);
    this.definition.btf?.object.release();
    this.definition.inner?.release();
  }

  /** Frees what the type allocated. */
  protected dispose(): void {
    // Nothing, for most.
  }

  protected header(field: keyof typeof HEADER, value: number): void {
    this.memory.setU32(this.address + HEADER[field], value);
  }

  protected headerOf(field: keyof typeof HEADER): number {
    return this.memory.u32(this.address + HEADER[field]);
  }
}

/** Types whose inner maps must be of one length (array_map_meta_equal; kernel/bpf/ringbuf.c has none). */
const SIZED: ReadonlySet<number> = new Set([BPF_MAP_TYPE.ARRAY, BPF_MAP_TYPE.PERCPU_ARRAY]);
