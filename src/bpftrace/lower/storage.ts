import type { MapSpec, MapValue, PlanMap } from "../../object/index.ts";
import { BPF_MAP_TYPE } from "../../uapi/index.ts";
import type { CheckedMap, MapKind } from "../typed.ts";
import { type AggregateType, isAggregate, sizeOf, type Type } from "../types.ts";
import type { LocalMember, LocalTypes } from "./local-types.ts";
import { planType } from "./plan-type.ts";

/** How one `@map` of the script lies in a BPF map. */
export interface MapStorage {
  /** MapSpec.name. */
  readonly name: string;
  /**
   * `cell`: the only value of an array, reached by its address without a lookup. `array`: per-CPU array,
   * one element or one a bucket. `hash`: by key.
   */
  readonly shape: "cell" | "array" | "hash";
  readonly perCpu: boolean;
  /** As it lies in the map: the script's key, with strings cut where the kernel wants smaller keys. */
  readonly key?: Type;
  /** Bytes, the bucket included. */
  readonly keySize: number;
  /** Bytes, the set flag included. */
  readonly valueSize: number;
  /** Of a u64 in the value that tells that a scalar was assigned. */
  readonly setOffset?: number;
  /** Of the u32 bucket in a histogram's key. */
  readonly bucketOffset?: number;
  /** Histograms: number of buckets. */
  readonly buckets?: number;
  readonly spec: MapSpec;
  readonly plan: PlanMap;
}

export interface StorageOptions {
  readonly maxMapKeys: number;
  /** Most bytes of a hash map's key. */
  readonly maxKeySize: number;
  readonly types: LocalTypes;
  readonly stackMap: (type: Type) => string;
}

const DECLARED: Readonly<Record<MapKind, { readonly type: number; readonly perCpu: boolean }>> = {
  hash: { type: BPF_MAP_TYPE.HASH, perCpu: false },
  lruhash: { type: BPF_MAP_TYPE.LRU_HASH, perCpu: false },
  percpuhash: { type: BPF_MAP_TYPE.PERCPU_HASH, perCpu: true },
  percpulruhash: { type: BPF_MAP_TYPE.LRU_PERCPU_HASH, perCpu: true },
};

export function storeMap(map: CheckedMap, options: StorageOptions): MapStorage {
  const name = map.name === "@" ? "AT_" : map.name.slice(1);
  const aggregate = isAggregate(map.value) ? map.value : undefined;
  const buckets = aggregate && bucketCount(aggregate);
  return map.key === undefined
    ? scalarStorage(map, name, aggregate, buckets, options)
    : keyedStorage(map, name, fitKey(map.key, options.maxKeySize), aggregate, buckets, options);
}

function scalarStorage(
  map: CheckedMap,
  name: string,
  aggregate: AggregateType | undefined,
  buckets: number | undefined,
  options: StorageOptions,
): MapStorage {
  const payload = payloadSize(map.value);
  // The other aggregates are never all zero bytes once they are set.
  const flagged = aggregate === undefined || aggregate.kind === "sum";
  const setOffset = flagged ? roundUp(payload, 8) : undefined;
  const valueSize = setOffset === undefined ? payload : setOffset + 8;
  const perCpu = aggregate !== undefined;
  const spec: MapSpec = {
    name,
    type: perCpu ? BPF_MAP_TYPE.PERCPU_ARRAY : BPF_MAP_TYPE.ARRAY,
    keySize: 4,
    valueSize,
    maxEntries: buckets ?? 1,
    flags: 0,
    btfKeyTypeId: options.types.int(4, false),
    btfValueTypeId: valueTypeId(map.value, setOffset, options.types),
  };
  return {
    name,
    shape: perCpu ? "array" : "cell",
    perCpu,
    keySize: 4,
    valueSize,
    ...(setOffset !== undefined && { setOffset }),
    ...(buckets !== undefined && { buckets }),
    spec,
    plan: {
      name: map.name,
      map: name,
      value: mapValue(map.value, buckets, undefined, options.stackMap),
      perCpu,
      ...(setOffset !== undefined && { setOffset }),
    },
  };
}

function keyedStorage(
  map: CheckedMap,
  name: string,
  key: Type,
  aggregate: AggregateType | undefined,
  buckets: number | undefined,
  options: StorageOptions,
): MapStorage {
  const { types, stackMap } = options;
  const userKey = sizeOf(key);
  const bucketOffset = buckets === undefined ? undefined : roundUp(userKey, 4);
  // The kernel compares keys by words first and then by bytes: a last word costs less than half of one.
  const keySize = roundUp(bucketOffset === undefined ? userKey : bucketOffset + BUCKET_SIZE, 8);
  const valueSize = payloadSize(map.value);
  const kind = DECLARED[map.declared?.type ?? (aggregate === undefined ? "hash" : "percpuhash")];
  const spec: MapSpec = {
    name,
    type: kind.type,
    keySize,
    valueSize,
    maxEntries: map.declared?.maxEntries ?? options.maxMapKeys,
    flags: 0,
    btfKeyTypeId: keyTypeId(key, keySize, bucketOffset, types),
    btfValueTypeId: valueTypeId(map.value, undefined, types),
  };
  return {
    name,
    shape: "hash",
    perCpu: kind.perCpu,
    key,
    keySize,
    valueSize,
    ...(bucketOffset !== undefined && { bucketOffset }),
    ...(buckets !== undefined && { buckets }),
    spec,
    plan: {
      name: map.name,
      map: name,
      key: planType(key, stackMap),
      value: mapValue(map.value, buckets, bucketOffset, stackMap),
      perCpu: kind.perCpu,
    },
  };
}

/** The type with its strings cut until it has at most `limit` bytes, a histogram's bucket included. */
function fitKey(type: Type, limit: number): Type {
  let fitted = type;
  for (let most = limit; sizeOf(fitted) > limit - BUCKET_SIZE && most >= 1; most = Math.floor(most / 2))
    fitted = cutStrings(type, most);
  return fitted;
}

const BUCKET_SIZE = 4;

function cutStrings(type: Type, most: number): Type {
  if (type.kind === "string") return { kind: "string", size: Math.min(type.size, most) };
  if (type.kind !== "tuple") return type;
  return {
    kind: "tuple",
    fields: type.fields.map((field) => ({ ...field, type: cutStrings(field.type, most) })),
  };
}

/** Buckets of a histogram; undefined for everything else. */
function bucketCount(type: AggregateType): number | undefined {
  // 1 for negative values, then 2^bits of them for each of the exponents 0 (values below 2^bits) to 64 - bits.
  if (type.kind === "hist") return 1 + (65 - type.bits) * 2 ** type.bits;
  if (type.kind === "lhist") return Math.ceil((type.max - type.min) / type.step) + 2;
  return undefined;
}

function payloadSize(type: Type): number {
  switch (type.kind) {
    case "min":
    case "max":
    case "hist":
    case "lhist":
      return 8;
    default:
      return sizeOf(type);
  }
}

function mapValue(
  type: Type,
  buckets: number | undefined,
  bucketOffset: number | undefined,
  stackMap: (type: Type) => string,
): MapValue {
  switch (type.kind) {
    case "count":
    case "sum":
    case "min":
    case "max":
    case "avg":
    case "stats":
      return { kind: type.kind, signed: type.signed };
    case "hist":
    case "lhist":
      return { ...type, buckets: buckets!, ...(bucketOffset !== undefined && { bucketOffset }) };
    default:
      return { kind: "value", type: planType(type, stackMap) };
  }
}

function valueTypeId(type: Type, setOffset: number | undefined, types: LocalTypes): number {
  const id = payloadTypeId(type, types);
  if (setOffset === undefined) return id;
  const set = member("set", types.int(8, false), setOffset);
  return types.struct("", setOffset + 8, [member("value", id, 0), set]);
}

function payloadTypeId(type: Type, types: LocalTypes): number {
  switch (type.kind) {
    case "avg":
    case "stats": {
      const total = member("total", types.int(8, type.signed), 0);
      return types.struct("", 16, [total, member("count", types.int(8, false), 8)]);
    }
    case "count":
    case "min":
    case "max":
    case "hist":
    case "lhist":
      return types.int(8, false);
    case "sum":
      return types.int(8, type.signed);
    default:
      return types.value(type);
  }
}

function keyTypeId(key: Type, size: number, bucketOffset: number | undefined, types: LocalTypes): number {
  if (bucketOffset === undefined && sizeOf(key) === size) return types.value(key);
  const members = [member("key", types.value(key), 0)];
  if (bucketOffset !== undefined) members.push(member("bucket", types.int(BUCKET_SIZE, false), bucketOffset));
  return types.struct("", size, members);
}

function member(name: string, type: number, offset: number): LocalMember {
  return { name, type, bitOffset: offset * 8, bitWidth: 0 };
}

export function roundUp(size: number, to: number): number {
  return Math.ceil(size / to) * to;
}
