import type { LoadedMap, LoadedObject } from "../loader/index.ts";
import type { UsdtArgument } from "./usdt-arguments.ts";

/** Names of the maps that programs read arguments by; libbpf's, so that its objects work too. */
export const SPEC_MAP = "__bpf_usdt_specs";
export const ADDRESS_MAP = "__bpf_usdt_ip_to_spec_id";
const MOST_ARGUMENTS = 12;
const ARGUMENT_SIZE = 16;
/** `kind`s of an argument: constant, register, memory, memory with index. */
const KIND = { constant: 0, register: 1, memory: 2, indexed: 3 } as const;

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

  /** Undefined when the map is full. */
  add(args: readonly UsdtArgument[], cookie: bigint): number | undefined {
    const id = this.#free.pop() ?? this.#next;
    if (id >= this.#specs.spec.maxEntries) return undefined;
    this.#specs.update(key32(id), encodeSpec(args, cookie, this.#specs.valueStride));
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

export function fitsSpec(args: readonly UsdtArgument[]): boolean {
  return args.length <= MOST_ARGUMENTS;
}

/**
 * struct __bpf_usdt_spec of usdt.bpf.h: twelve arguments of u64 val_off; u8 arg_type, u12 index register, u4
 * scale as shift, u8 padding; s16 register; u8 signed; u8 shift; then u64 cookie and s16 count.
 */
export function encodeSpec(args: readonly UsdtArgument[], cookie: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [index, { place, size: width, signed }] of args.entries()) {
    const at = index * ARGUMENT_SIZE;
    const indexed = place.kind === "memory" ? place.index : undefined;
    const offset = place.kind === "constant" ? place.value : place.kind === "memory" ? place.offset : 0n;
    view.setBigUint64(at, BigInt.asUintN(64, offset), true);
    view.setUint8(at + 8, indexed ? KIND.indexed : KIND[place.kind]);
    if (indexed) view.setUint16(at + 9, (indexed.register & 0xfff) | (Math.log2(indexed.scale) << 12), true);
    view.setInt16(at + 12, place.kind === "constant" ? 0 : place.register, true);
    view.setUint8(at + 14, signed ? 1 : 0);
    view.setUint8(at + 15, 64 - width * 8);
  }
  const tail = MOST_ARGUMENTS * ARGUMENT_SIZE;
  view.setBigUint64(tail, BigInt.asUintN(64, cookie), true);
  view.setInt16(tail + 8, args.length, true);
  return bytes;
}

function key32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function key64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}
