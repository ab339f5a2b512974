import type { Shape } from "../codec/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { createMap as createLoadedMap } from "../loader/index.ts";
import type { MapSpec } from "../object/index.ts";
import { openKernel } from "../open-kernel.ts";
import { describeMap } from "../schema/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import type { BpfMap } from "./bpf-map.ts";
import type { EventMap } from "./event-map.ts";
import { LibraryError } from "./library-error.ts";
import { mapHandle } from "./maps.ts";
import type { AnyMap } from "./maps.ts";
import type { BloomMap, QueueMap } from "./queue-map.ts";

/** Types of maps with keys that can be created alone. */
export type KeyedMapType =
  | "hash"
  | "array"
  | "percpuHash"
  | "percpuArray"
  | "lruHash"
  | "lruPercpuHash"
  | "lpmTrie";

const TYPES: Readonly<Record<string, number>> = {
  hash: BPF_MAP_TYPE.HASH,
  array: BPF_MAP_TYPE.ARRAY,
  percpuHash: BPF_MAP_TYPE.PERCPU_HASH,
  percpuArray: BPF_MAP_TYPE.PERCPU_ARRAY,
  lruHash: BPF_MAP_TYPE.LRU_HASH,
  lruPercpuHash: BPF_MAP_TYPE.LRU_PERCPU_HASH,
  lpmTrie: BPF_MAP_TYPE.LPM_TRIE,
  queue: BPF_MAP_TYPE.QUEUE,
  stack: BPF_MAP_TYPE.STACK,
  bloom: BPF_MAP_TYPE.BLOOM_FILTER,
  ring: BPF_MAP_TYPE.RINGBUF,
};

/** A C type by a short name, or as a shape. */
export type TypeName = "u8" | "u16" | "u32" | "u64" | "i32" | "i64";

const SHAPES: Readonly<Record<TypeName, Shape>> = {
  u8: { kind: "int", size: 1, signed: false },
  u16: { kind: "int", size: 2, signed: false },
  u32: { kind: "int", size: 4, signed: false },
  u64: { kind: "bigint", size: 8, signed: false },
  i32: { kind: "int", size: 4, signed: true },
  i64: { kind: "bigint", size: 8, signed: true },
};

/** What a type is in JavaScript. */
export type ValueOf<T extends TypeName | Shape> = T extends "u64" | "i64"
  ? bigint
  : T extends TypeName
    ? number
    : unknown;

/** What `get` gives: of per-CPU maps an array. */
export type ElementOf<T extends KeyedMapType, V extends TypeName | Shape> = T extends
  | "percpuHash"
  | "percpuArray"
  | "lruPercpuHash"
  ? ValueOf<V>[]
  : ValueOf<V>;

/** What all maps are created with. */
export interface MapOptions {
  /** Elements; bytes of rings, a power of two and at least a page. */
  readonly maxEntries: number;
  /** At most 15 characters are kept. */
  readonly name?: string;
  /** BPF_F_* bits for the creation of maps. */
  readonly flags?: number;
  /** Absent: the running kernel, opened for this map alone. */
  readonly kernel?: Kernel;
}

/**
 * A map with keys to create.
 */
export interface KeyedMapDescription<
  T extends KeyedMapType,
  K extends TypeName | Shape,
  V extends TypeName | Shape,
> extends MapOptions {
  readonly type: T;
  readonly key: K;
  readonly value: V;
}

/**
 * A queue or stack to create.
 */
export interface QueueDescription<V extends TypeName | Shape> extends MapOptions {
  readonly type: "queue" | "stack";
  readonly value: V;
}

/**
 * A Bloom filter to create.
 */
export interface BloomDescription<V extends TypeName | Shape> extends MapOptions {
  readonly type: "bloom";
  readonly value: V;
}

/**
 * A ring buffer to create.
 */
export interface RingDescription extends MapOptions {
  readonly type: "ring";
  /** One record; absent: records are bytes. */
  readonly value?: Shape;
}

interface AnyDescription extends MapOptions {
  readonly type: string;
  readonly key?: TypeName | Shape;
  readonly value?: TypeName | Shape;
}

/**
 * Creates a map of one's own: to be pinned, put into a map of maps, or handed to programs by its descriptor.
 * @throws SyscallError for what the kernel refuses
 *
 * @example
 * ```ts
 * import { createMap, lpmKey } from "bpfkit";
 *
 * const key = { kind: "bytes", size: 8 } as const;
 * using allowed = await createMap({ type: "lpmTrie", key, value: "u32", maxEntries: 100 });
 * allowed.set(lpmKey("10.0.0.0/8"), 1);
 * console.log(allowed.has(lpmKey("10.1.2.3")), allowed.has(lpmKey("192.168.0.1")));
 * // prints true false
 * ```
 */
export async function createMap<
  T extends KeyedMapType,
  K extends TypeName | Shape,
  V extends TypeName | Shape,
>(description: KeyedMapDescription<T, K, V>): Promise<BpfMap<ValueOf<K>, ElementOf<T, V>>>;
export async function createMap<V extends TypeName | Shape>(
  description: QueueDescription<V>,
): Promise<QueueMap<ValueOf<V>>>;
export async function createMap<V extends TypeName | Shape>(
  description: BloomDescription<V>,
): Promise<BloomMap<ValueOf<V>>>;
export async function createMap<E = Uint8Array>(description: RingDescription): Promise<EventMap<E>>;
export async function createMap(description: AnyDescription): Promise<AnyMap> {
  const key = description.key === undefined ? undefined : shapeNamed(description.key);
  const value = description.value === undefined ? undefined : shapeNamed(description.value);
  const type = typeOf(description.type);
  const spec: MapSpec = {
    name: description.name ?? "",
    type,
    keySize: key?.size ?? 0,
    valueSize: type === BPF_MAP_TYPE.RINGBUF ? 0 : (value?.size ?? 0),
    maxEntries: description.maxEntries,
    flags: (description.flags ?? 0) | (type === BPF_MAP_TYPE.LPM_TRIE ? BPF_F.NO_PREALLOC : 0),
  };
  const resources = new DisposalStack();
  try {
    const kernel = description.kernel ?? resources.use(await openKernel());
    const loaded = resources.use(createLoadedMap(kernel, spec, undefined));
    const schema = { ...describeMap(spec, undefined), ...(key && { key }), ...(value && { value }) };
    return mapHandle({ kernel, loaded, schema, resources, alone: true });
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

function shapeNamed(type: TypeName | Shape): Shape {
  return typeof type === "string" ? SHAPES[type] : type;
}

function typeOf(name: string): number {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type !== undefined) return type;
  throw new LibraryError("library/wrong-kind", `Maps of type ${name} are not created alone`, [
    `Types are ${Object.keys(TYPES).join(", ")}`,
  ]);
}
