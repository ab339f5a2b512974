import type { LoadedMap, LoadedObject } from "../loader/index.ts";
import type { UsdtArgument } from "../elf/index.ts";

/** Names of the maps that programs read arguments by; libbpf's, so that its objects work too. */
export const SPEC_MAP = "__bpf_usdt_specs";
export const ADDRESS_MAP = "__bpf_usdt_ip_to_spec_id";
const MOST_ARGUMENTS = 12;
/** `kind`s of an argument: constant, register, memory, memory with index. */
const KIND = { constant: 0, register: 1, memory: 2, indexed: 3 } as const;

/** Where the members of struct __bpf_usdt_arg_spec lie; `val_off` and `arg_type` are at 0 and 8 in all of them. */
interface SpecLayout {
  readonly argumentSize: number;
  /** u12 index register, u4 scale as shift; absent: such arguments cannot be read. */
  readonly index?: number;
  readonly register: number;
}

/** By the size of struct __bpf_usdt_spec: usdt.bpf.h before and since libbpf 1.7. */
const LAYOUTS: ReadonlyMap<number, SpecLayout> = new Map([
  [208, { argumentSize: 16, register: 12 }],
  [304, { argumentSize: 24, index: 10, register: 14 }],
]);

/**
 * Where an object's USDT programs find their arguments: array elements given out one by one, by the number
 * that the probe's cookie is.
 */
export class UsdtSpecs {
  readonly #specs: LoadedMap;
  readonly #addresses: LoadedMap | undefined;
  readonly #free: number[] = [];
  #next = 0;

  private constructor(specs: LoadedMap, addresses: LoadedMap | undefined) {
    this.#specs = specs;
    this.#addresses = addresses;
  }

  /** Undefined where the object has no such maps: its programs then read no arguments. */
  static of(object: Pick<LoadedObject, "maps">): UsdtSpecs | undefined {
    const specs = object.maps.get(SPEC_MAP);
    return specs && new UsdtSpecs(specs, object.maps.get(ADDRESS_MAP));
  }

  /** The number of the element; why there is none otherwise. */
  add(args: readonly UsdtArgument[], cookie: bigint): number | "full" | "unreadable" {
    const spec = encodeSpec(args, cookie, this.#specs.valueStride);
    if (!spec) return "unreadable";
    const id = this.#free.pop() ?? this.#next;
    if (id >= this.#specs.spec.maxEntries) return "full";
    this.#specs.update(key32(id), spec);
    if (id === this.#next) this.#next++;
    return id;
  }

  release(id: number): void {
    this.#free.push(id);
  }

  /** Before Linux 5.15, where there are no cookies, programs know their probe by its address. */
  setAddress(address: number, id: number): void {
    this.#addresses?.update(key64(address), key32(id));
  }

  removeAddress(address: number): void {
    this.#addresses?.delete(key64(address));
  }
}

/**
 * struct __bpf_usdt_spec of usdt.bpf.h: twelve arguments, then u64 cookie and s16 count. Undefined where the
 * struct of that size cannot hold the arguments.
 */
export function encodeSpec(
  args: readonly UsdtArgument[],
  cookie: bigint,
  size: number,
): Uint8Array | undefined {
  const layout = LAYOUTS.get(size);
  if (!layout || args.length > MOST_ARGUMENTS) return undefined;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [index, argument] of args.entries())
    if (!encodeArgument(view, index * layout.argumentSize, argument, layout)) return undefined;
  const tail = MOST_ARGUMENTS * layout.argumentSize;
  view.setBigUint64(tail, BigInt.asUintN(64, cookie), true);
  view.setInt16(tail + 8, args.length, true);
  return bytes;
}

function encodeArgument(
  view: DataView,
  at: number,
  { place, size, signed }: UsdtArgument,
  layout: SpecLayout,
): boolean {
  const offset = place.kind === "constant" ? place.value : place.kind === "memory" ? place.offset : 0n;
  view.setBigUint64(at, BigInt.asUintN(64, offset), true);
  const indexed = place.kind === "memory" ? place.index : undefined;
  view.setUint8(at + 8, indexed ? KIND.indexed : KIND[place.kind]);
  if (indexed) {
    if (layout.index === undefined) return false;
    const shift = Math.log2(indexed.scale);
    view.setUint16(at + layout.index, (indexed.register & 0xfff) | (shift << 12), true);
  }
  const register = place.kind === "constant" ? 0 : place.register;
  if (register === undefined) return false;
  view.setInt16(at + layout.register, register, true);
  view.setUint8(at + layout.register + 2, signed ? 1 : 0);
  view.setUint8(at + layout.register + 3, 64 - size * 8);
  return true;
}

function key32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function key64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}
