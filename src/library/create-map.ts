import type { Shape } from "../codec/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { createMap as createLoadedMap } from "../loader/index.ts";
import type { MapSpec } from "../object/index.ts";
import { openKernel } from "../open-kernel.ts";
import { describeMap } from "../schema/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import { BpfMap } from "./bpf-map.ts";

/** Types of maps with keys that can be created alone. */
export type KeyedMapType =
  | "hash"
  | "array"
  | "percpuHash"
  | "percpuArray"
  | "lruHash"
  | "lruPercpuHash"
  | "lpmTrie";

const TYPES: Readonly<Record<KeyedMapType, number>> = {
  hash: BPF_MAP_TYPE.HASH,
  array: BPF_MAP_TYPE.ARRAY,
  percpuHash: BPF_MAP_TYPE.PERCPU_HASH,
  percpuArray: BPF_MAP_TYPE.PERCPU_ARRAY,
  lruHash: BPF_MAP_TYPE.LRU_HASH,
  lruPercpuHash: BPF_MAP_TYPE.LRU_PERCPU_HASH,
  lpmTrie: BPF_MAP_TYPE.LPM_TRIE,
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

export interface MapDescription<
  T extends KeyedMapType,
  K extends TypeName | Shape,
  V extends TypeName | Shape,
> {
  readonly type: T;
  readonly key: K;
  readonly value: V;
  readonly maxEntries: number;
  /** At most 15 characters are kept. */
  readonly name?: string;
  /** BPF_F_* bits for the creation of maps. */
  readonly flags?: number;
  /** Absent: the running kernel, opened for this map alone. */
  readonly kernel?: Kernel;
}

/**
 * Creates a map of one's own: to be pinned, or put into a map of maps.
 * @throws SyscallError
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
>(description: MapDescription<T, K, V>): Promise<BpfMap<ValueOf<K>, ElementOf<T, V>>> {
  const key = shapeNamed(description.key);
  const value = shapeNamed(description.value);
  const type = TYPES[description.type];
  const spec: MapSpec = {
    name: description.name ?? "",
    type,
    keySize: key.size,
    valueSize: value.size,
    maxEntries: description.maxEntries,
    flags: (description.flags ?? 0) | (type === BPF_MAP_TYPE.LPM_TRIE ? BPF_F.NO_PREALLOC : 0),
  };
  const resources = new DisposalStack();
  try {
    const kernel = description.kernel ?? resources.use(await openKernel());
    const loaded = resources.use(createLoadedMap(kernel, spec, undefined));
    const schema = { ...describeMap(spec, undefined), key, value };
    return new BpfMap({ kernel, loaded, schema, resources, alone: true });
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

function shapeNamed(type: TypeName | Shape): Shape {
  return typeof type === "string" ? SHAPES[type] : type;
}
