import { BPF_F, BPF_MAP_TYPE, ERRNO, BPF_OBJ_NAME_LEN } from "../../../uapi/index.ts";
import type { BpfAttr, Fd } from "../../index.ts";
import type { Access } from "../descriptors.ts";
import { OutOfMemoryError } from "../heap.ts";
import { KernelFailure, check, failure } from "../kernel-object.ts";
import {
  BpfMap,
  ENOTSUPP,
  NO_FIELDS,
  StorageMap,
  checkDefinition,
  createMap,
  findValueFields,
  isHash,
  isMapOfMaps,
  isTyped,
} from "../maps/index.ts";
import type { MapDefinition } from "../maps/index.ts";
import { BtfObject } from "../programs/btf-object.ts";
import { ProcessObject } from "../process-object.ts";
import type { World } from "../world.ts";
import { isName } from "./command.ts";
import type { Commands } from "./command.ts";

/** Maps without keys, whose lookups are peeks and whose updates are pushes. */
const KEYLESS: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.QUEUE,
  BPF_MAP_TYPE.STACK,
  BPF_MAP_TYPE.BLOOM_FILTER,
]);

export const mapCommands: Commands = {
  MAP_CREATE: (world, attr) => {
    const definition = define(world, attr);
    try {
      const error = checkDefinition(definition);
      if (error !== 0) throw new KernelFailure(error);
      if (!isName(attr.map_name ?? "")) throw failure("EINVAL");
      const map = world.mapObjects.add((id) => createMap(world, id, definition));
      world.addMap(map);
      return world.descriptors.open(map, accessOf(definition.flags));
    } catch (error) {
      definition.btf?.object.release();
      definition.inner?.release();
      if (error instanceof OutOfMemoryError) throw failure("ENOMEM");
      throw error;
    }
  },

  MAP_LOOKUP_ELEM: (world, { map_fd, key, value, flags = 0n }) => {
    if ((flags & ~BigInt(BPF_F.LOCK)) !== 0n) throw failure("EINVAL");
    const map = open(world, map_fd, "read");
    if ((flags & BigInt(BPF_F.LOCK)) !== 0n && !map.definition.fields.has("bpf_spin_lock"))
      throw failure("EINVAL");
    // A bloom filter's value is asked for, not told.
    const out = valueBuffer(map, value);
    return withKey(world, map, key, (address) => answered(map.read(address, out, Number(flags))));
  },

  MAP_UPDATE_ELEM: (world, { map_fd, key, value, flags = 0n }) => {
    const map = open(world, map_fd, "write");
    if (flags > 0xffffffffn) throw failure("EINVAL");
    if ((flags & BigInt(BPF_F.LOCK)) !== 0n && !map.definition.fields.has("bpf_spin_lock"))
      throw failure("EINVAL");
    const bytes = valueBuffer(map, value);
    withKey(world, map, key, (address) => check(map.write(address, bytes, Number(flags))));
  },

  MAP_DELETE_ELEM: (world, { map_fd, key }) => {
    const map = open(world, map_fd, "write");
    return withKey(world, map, key, (address) => answered(map.remove(address)));
  },

  MAP_GET_NEXT_KEY: (world, { map_fd, key, next_key }) => {
    const map = open(world, map_fd, "read");
    const copy = (address: number): boolean => {
      if (address === 0 || address === -ERRNO.ENOENT) return false;
      check(address);
      next_key.set(world.memory.slice(address, map.definition.keySize));
      return true;
    };
    if (!key || key.length === 0) return copy(map.next(undefined));
    return withKey(world, map, key, (address) => copy(map.next(address)));
  },

  MAP_LOOKUP_AND_DELETE_ELEM: (world, { map_fd, key, value, flags = 0n }) => {
    const lock = BigInt(BPF_F.LOCK);
    if ((flags & ~lock) !== 0n) throw failure("EINVAL");
    const map = open(world, map_fd, "read");
    open(world, map_fd, "write");
    const queue = map.type === BPF_MAP_TYPE.QUEUE || map.type === BPF_MAP_TYPE.STACK;
    if (queue && flags !== 0n) throw failure("EINVAL");
    if ((flags & lock) !== 0n && !map.definition.fields.has("bpf_spin_lock")) throw failure("EINVAL");
    if (!queue && !isTakeable(map)) throw new KernelFailure(ENOTSUPP);
    const out = valueBuffer(map, value);
    return withKey(world, map, key, (address) => answered(map.take(address, out, Number(flags))));
  },

  MAP_FREEZE: (world, { map_fd }) => {
    const map = world.descriptors.get(map_fd, BpfMap);
    if (map.type === BPF_MAP_TYPE.STRUCT_OPS || map.definition.fields.list.length > 0)
      throw new KernelFailure(ENOTSUPP);
    // Frozen already, it cannot be written any more.
    open(world, map_fd, "write");
    if (map.writers > 0) throw failure("EBUSY");
    map.frozen = true;
  },
};

function define(world: World, attr: BpfAttr["MAP_CREATE"]): MapDefinition {
  const { map_type, map_flags = 0, map_extra = 0n, map_name: name = "" } = attr;
  const { btf_fd, btf_key_type_id = 0, btf_value_type_id = 0 } = attr;
  if ((attr.numa_node ?? 0) !== 0) throw failure("EINVAL");
  if (map_flags < 0 || (attr.map_ifindex ?? 0) !== 0) throw failure("EINVAL");
  let inner: BpfMap | undefined;
  if (isMapOfMaps(map_type)) {
    inner = world.descriptors.find(attr.inner_map_fd ?? 0, BpfMap);
    if (!inner) throw failure("EBADF");
    // One level of maps in maps is all that there is (bpf_map_meta_alloc).
    if (isMapOfMaps(inner.type) || inner.type === BPF_MAP_TYPE.PROG_ARRAY) throw failure("EINVAL");
  }
  const typed = btf_key_type_id !== 0 || btf_value_type_id !== 0;
  if (typed && btf_value_type_id === 0) throw failure("EINVAL");
  const btf = typed ? world.descriptors.get(btf_fd ?? 0, BtfObject) : undefined;
  if (btf && btf.name !== "") throw failure("EACCES");
  const definition = {
    type: map_type,
    keySize: attr.key_size >>> 0,
    valueSize: attr.value_size >>> 0,
    maxEntries: attr.max_entries >>> 0,
    flags: map_flags,
    extra: map_extra,
    name: Buffer.from(name)
      .subarray(0, BPF_OBJ_NAME_LEN - 1)
      .toString(),
    inner: inner?.hold(),
    fields: btf ? findValueFields(btf.types(), btf_value_type_id) : NO_FIELDS,
    ...(btf && { btf: { object: btf, id: btf.id, key: btf_key_type_id, value: btf_value_type_id } }),
  };
  if (btf) checkTypes(btf, definition, btf_key_type_id, btf_value_type_id);
  btf?.hold();
  return definition;
}

/** map_check_btf: the types' sizes are the map's. */
function checkTypes(btf: BtfObject, definition: MapDefinition, key: number, value: number): void {
  const types = btf.types();
  const size = (id: number): number => (types.has(id) ? types.size(id) : -1);
  if (key !== 0 && size(key) !== definition.keySize) throw failure("EINVAL");
  if (size(value) !== definition.valueSize) throw failure("EINVAL");
  if (!isTyped(definition.type)) throw new KernelFailure(ENOTSUPP);
}

function accessOf(flags: number): Access {
  return { read: (flags & BPF_F.WRONLY) === 0, write: (flags & BPF_F.RDONLY) === 0 };
}

export function open(world: World, fd: Fd, access: keyof Access): BpfMap {
  const map = world.descriptors.get(fd, BpfMap);
  if (!world.descriptors.access(fd)[access] || (access === "write" && map.frozen)) throw failure("EPERM");
  return map;
}

/** A value's bytes: the map's own size, whatever the caller's buffer is longer. */
function valueBuffer(map: BpfMap, value: Uint8Array): Uint8Array {
  if (value.length < map.userValueSize) throw failure("EFAULT");
  return value.subarray(0, map.userValueSize);
}

/** Puts the key into memory; storage's key names its owner by a descriptor. */
function withKey<T>(world: World, map: BpfMap, key: Uint8Array | undefined, use: (address: number) => T): T {
  const { keySize } = map.definition;
  if (keySize === 0) {
    if (key && key.length > 0 && !KEYLESS.has(map.type)) throw failure("EINVAL");
    return use(0);
  }
  if (!key || key.length < keySize) throw failure("EFAULT");
  const bytes = map instanceof StorageMap ? ownerOf(world, map, key) : key.subarray(0, keySize);
  return world.memory.with(bytes, use);
}

/** Tasks by a descriptor of their process; cgroups, sockets and inodes have no descriptors here. */
function ownerOf(world: World, map: StorageMap, key: Uint8Array): Uint8Array {
  if (map.type !== BPF_MAP_TYPE.TASK_STORAGE) throw failure("EBADF");
  const fd = new DataView(key.buffer, key.byteOffset).getInt32(0, true);
  const process = world.descriptors.find(fd, ProcessObject);
  if (!process) throw failure("EBADF");
  return new Uint8Array(Uint32Array.of(process.task.address).buffer);
}

function isTakeable(map: BpfMap): boolean {
  return (isHash(map) && !isMapOfMaps(map.type)) || map.type === BPF_MAP_TYPE.STACK_TRACE;
}

function answered(result: number): boolean {
  if (result === -ERRNO.ENOENT) return false;
  check(result);
  return true;
}
