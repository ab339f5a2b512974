import { BPF_F, BPF_MAP_TYPE, ERRNO } from "../../../uapi/index.ts";
import type { BpfAttr, BpfResult } from "../../index.ts";
import { KernelFailure, check, failure } from "../kernel-object.ts";
import { ENOTSUPP, isHash } from "../maps/index.ts";
import type { BpfMap, HashMap } from "../maps/index.ts";
import type { World } from "../world.ts";
import type { Commands } from "./command.ts";
import { open } from "./maps.ts";

type Batch = BpfResult["MAP_LOOKUP_BATCH"];
type LookupAttr = BpfAttr["MAP_LOOKUP_BATCH"];

/** Which batches a type of map has; hashes have all. */
const LOOKUP: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.ARRAY,
  BPF_MAP_TYPE.PERCPU_ARRAY,
  BPF_MAP_TYPE.ARRAY_OF_MAPS,
  BPF_MAP_TYPE.LPM_TRIE,
]);
const UPDATE: ReadonlySet<number> = LOOKUP;
const DELETE: ReadonlySet<number> = new Set([BPF_MAP_TYPE.LPM_TRIE]);

export const batchCommands: Commands = {
  MAP_LOOKUP_BATCH: (world, attr) => lookup(world, attr, false),
  MAP_LOOKUP_AND_DELETE_BATCH: (world, attr) => lookup(world, attr, true),

  MAP_UPDATE_BATCH: (world, { map_fd, keys, values, count, elem_flags = 0n }) => {
    const map = open(world, map_fd, "write");
    if (!isHash(map) && !UPDATE.has(map.type)) throw new KernelFailure(ENOTSUPP);
    checkFlags(map, elem_flags);
    const { keySize } = map.definition;
    const size = map.userValueSize;
    checkSizes(keys, keySize, values, size, count);
    for (let index = 0; index < count; index++) {
      const value = values.subarray(index * size, (index + 1) * size);
      world.memory.with(keys.subarray(index * keySize, (index + 1) * keySize), (address) =>
        check(map.write(address, value, Number(elem_flags))),
      );
    }
    return { count, end: false };
  },

  MAP_DELETE_BATCH: (world, { map_fd, keys, count, elem_flags = 0n }) => {
    const map = open(world, map_fd, "write");
    if (!isHash(map) && !DELETE.has(map.type)) throw new KernelFailure(ENOTSUPP);
    checkFlags(map, elem_flags);
    const { keySize } = map.definition;
    checkSizes(keys, keySize, undefined, 0, count);
    for (let index = 0; index < count; index++) {
      const result = world.memory.with(keys.subarray(index * keySize, (index + 1) * keySize), (address) =>
        map.remove(address),
      );
      if (result === -ERRNO.ENOENT) return { count: index, end: true };
      check(result);
    }
    return { count, end: false };
  },
};

function checkFlags(map: BpfMap, flags: bigint): void {
  if ((flags & ~BigInt(BPF_F.LOCK)) !== 0n) throw failure("EINVAL");
  if (flags !== 0n && !map.definition.fields.has("bpf_spin_lock")) throw failure("EINVAL");
}

function checkSizes(
  keys: Uint8Array,
  keySize: number,
  values: Uint8Array | undefined,
  valueSize: number,
  count: number,
): void {
  if (keys.length < count * keySize || (values && values.length < count * valueSize)) throw failure("EFAULT");
}

function lookup(world: World, attr: LookupAttr, take: boolean): Batch {
  const map = open(world, attr.map_fd, take ? "write" : "read");
  if (!world.descriptors.access(attr.map_fd).read) throw failure("EPERM");
  const hash = isHash(map);
  if (!hash && (take || !LOOKUP.has(map.type))) throw new KernelFailure(ENOTSUPP);
  checkFlags(map, attr.elem_flags ?? 0n);
  if (attr.count === 0) return { count: 0, end: false };
  checkSizes(attr.keys, map.definition.keySize, attr.values, map.userValueSize, attr.count);
  return hash ? lookupBuckets(world, map, attr, take) : lookupKeys(world, map, attr);
}

/** Whole buckets at a time; the cursor is the number of the next one (__htab_map_lookup_and_delete_batch). */
function lookupBuckets(world: World, map: HashMap, attr: LookupAttr, take: boolean): Batch {
  const start = attr.in_batch
    ? new DataView(attr.in_batch.buffer, attr.in_batch.byteOffset).getUint32(0, true)
    : 0;
  if (start >= map.bucketCount) return { count: 0, end: true };
  let count = 0;
  let bucket = start;
  for (; bucket < map.bucketCount; bucket++) {
    const keys = map.bucket(bucket);
    if (keys.length > attr.count - count) {
      if (count === 0) throw failure("ENOSPC");
      break;
    }
    for (const key of keys) copyOut(world, map, key, attr, count++);
    if (take) for (const key of keys) check(map.remove(key));
  }
  writeU32(attr.out_batch, bucket);
  return { count, end: bucket === map.bucketCount };
}

/** Key after key; the cursor is the last one (generic_map_lookup_batch). */
function lookupKeys(world: World, map: BpfMap, attr: LookupAttr): Batch {
  const { keySize } = map.definition;
  const next = (key: Uint8Array | undefined): number =>
    key ? world.memory.with(key.subarray(0, keySize), (address) => map.next(address)) : map.next(undefined);
  let count = 0;
  let key = next(attr.in_batch);
  for (; key > 0 && count < attr.count; count++) {
    copyOut(world, map, key, attr, count);
    const last = attr.keys.subarray(count * keySize, (count + 1) * keySize);
    attr.out_batch.set(last);
    key = next(last);
  }
  return { count, end: key <= 0 };
}

function copyOut(world: World, map: BpfMap, key: number, attr: LookupAttr, index: number): void {
  const { keySize } = map.definition;
  const size = map.userValueSize;
  attr.keys.set(world.memory.slice(key, keySize), index * keySize);
  const result = map.read(key, attr.values.subarray(index * size, (index + 1) * size), 0);
  if (result < 0 && result !== -ERRNO.ENOENT) check(result);
}

function writeU32(bytes: Uint8Array, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, value, true);
}
