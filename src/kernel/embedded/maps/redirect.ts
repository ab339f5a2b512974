import { BPF_ATTACH_TYPE, BPF_EXIST, BPF_NOEXIST, BPF_PROG_TYPE, ERRNO } from "../../../uapi/index.ts";
import { nextIndex } from "./array.ts";
import { HashMap } from "./hash.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost, TailTarget } from "./map.ts";

// Where XDP programs send packets: kernel/bpf/devmap.c and cpumap.c. Values are a number, of an interface or the length
// of a CPU's queue, and in those of 8 bytes a program behind it: a descriptor going in, an id coming out.

const NUMBER_SIZE = 4;
const LONGEST_QUEUE = 16_384;

interface Target {
  readonly address: number;
  readonly program: TailTarget | undefined;
}

/** The XDP program of a value; undefined without one, an error for what is none of this attach type. */
function openTarget(host: MapHost, value: Uint8Array, attachType: number): TailTarget | undefined | number {
  const fd = value.length > NUMBER_SIZE ? new DataView(value.buffer, value.byteOffset).getInt32(4, true) : 0;
  if (fd <= 0) return undefined;
  const program = host.openProgram(fd);
  if (typeof program === "number") return program;
  if (program.type === BPF_PROG_TYPE.XDP && program.attachType === attachType) return program;
  program.release();
  return -ERRNO.EINVAL;
}

function stored(number: number, program: TailTarget | undefined, size: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(number, program?.id ?? 0).buffer).subarray(0, size);
}

/** Interfaces, or CPUs, in a row. */
abstract class RedirectArray extends BpfMap {
  readonly #targets = new Map<number, Target>();
  readonly #next: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#next = this.memory.allocate(4);
  }

  /** The program of a value that may be put in; "none" for one that takes away; or an error. */
  protected abstract open(
    index: number,
    number: number,
    value: Uint8Array,
  ): TailTarget | undefined | "none" | number;

  override lookup(key: number): number {
    return this.#targets.get(this.memory.u32(key))?.address ?? 0;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    const index = this.memory.u32(key);
    if (index >= this.definition.maxEntries) return -ERRNO.E2BIG;
    if (flags === BPF_NOEXIST) return -ERRNO.EEXIST;
    const number = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    const program = this.open(index, number, value);
    if (typeof program === "number") return program;
    if (program === "none") {
      this.#clear(index);
      return 0;
    }
    const { valueSize } = this.definition;
    const address = this.memory.allocateShared(valueSize);
    this.memory.slice(address, valueSize).set(stored(number, program, valueSize));
    this.#clear(index);
    this.#targets.set(index, { address, program });
    return 0;
  }

  override remove(key: number): number {
    const index = this.memory.u32(key);
    if (index >= this.definition.maxEntries) return -ERRNO.EINVAL;
    this.#clear(index);
    return 0;
  }

  override next(key: number | undefined): number {
    return nextIndex(this, this.#next, this.memory, key);
  }

  #clear(index: number): void {
    const target = this.#targets.get(index);
    if (!target) return;
    this.#targets.delete(index);
    target.program?.release();
    this.memory.free(target.address);
  }

  protected override dispose(): void {
    for (const index of this.#targets.keys()) this.#clear(index);
    this.memory.free(this.#next);
  }
}

/** An interface of every number is there, so that programs can be tested. */
function isInterface(number: number): boolean {
  return number > 0 && number <= 0x7fff_ffff;
}

export class DeviceMap extends RedirectArray {
  protected override open(
    _index: number,
    number: number,
    value: Uint8Array,
  ): TailTarget | undefined | "none" | number {
    if (number !== 0 && !isInterface(number)) return -ERRNO.EINVAL;
    const program = openTarget(this.host, value, BPF_ATTACH_TYPE.XDP_DEVMAP);
    if (number !== 0) return typeof program === "number" ? -ERRNO.EINVAL : program;
    if (program === undefined) return "none";
    if (typeof program !== "number") program.release();
    return -ERRNO.EINVAL;
  }
}

export class CpuMap extends RedirectArray {
  protected override open(
    index: number,
    number: number,
    value: Uint8Array,
  ): TailTarget | undefined | "none" | number {
    if (number > LONGEST_QUEUE) return -ERRNO.EOVERFLOW;
    if (index >= this.host.cpus) return -ERRNO.ENODEV;
    if (number === 0) return "none";
    const program = openTarget(this.host, value, BPF_ATTACH_TYPE.XDP_CPUMAP);
    // __cpu_map_entry_alloc has one answer for all that goes wrong.
    return typeof program === "number" ? -ERRNO.ENOMEM : program;
  }
}

/** Interfaces by any number. */
export class DeviceHash extends HashMap {
  readonly #programs = new Map<number, TailTarget>();

  override update(): number {
    return -ERRNO.EINVAL;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    const number = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    if (flags > BPF_EXIST || number === 0) return -ERRNO.EINVAL;
    const there = this.lookup(key) !== 0;
    if (there && flags === BPF_NOEXIST) return -ERRNO.EEXIST;
    if (!isInterface(number)) return -ERRNO.EINVAL;
    const program = openTarget(this.host, value, BPF_ATTACH_TYPE.XDP_DEVMAP);
    if (typeof program === "number") return -ERRNO.EINVAL;
    const bytes = stored(number, program, this.definition.valueSize);
    // BPF_EXIST is not looked at: dev_map_hash_update_elem.
    const result = this.memory.with(bytes, (at) => super.update(key, at, 0));
    if (result < 0) program?.release();
    else this.#replace(this.memory.u32(key), program);
    return result;
  }

  override remove(key: number): number {
    const result = super.remove(key);
    if (result === 0) this.#replace(this.memory.u32(key), undefined);
    return result;
  }

  #replace(key: number, program: TailTarget | undefined): void {
    this.#programs.get(key)?.release();
    if (program) this.#programs.set(key, program);
    else this.#programs.delete(key);
  }

  protected override dispose(): void {
    for (const program of this.#programs.values()) program.release();
    this.#programs.clear();
    super.dispose();
  }
}

/** Hashes of values, as system calls know them: in batches, and taken. */
export function isHash(map: BpfMap): map is HashMap {
  return map instanceof HashMap && !(map instanceof DeviceHash);
}
