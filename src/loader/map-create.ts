import { BpfkitError } from "../errors.ts";
import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../kernel/index.ts";
import type { MapSpec } from "../object/index.ts";
import { BPF_F, BPF_MAP_TYPE, ERRNO, STRUCT } from "../uapi/index.ts";
import { alignUp } from "../util/index.ts";
import { LoadedMap } from "./map.ts";

/** Where maps are pinned by name, unless told otherwise. */
const PIN_ROOT = "/sys/fs/bpf";
const FIRST_KEY = new Uint8Array(4);

/**
 * Creates a map and fills in its first contents. `btf` is the object's BTF in the kernel, if it took it; `more`
 * is what the kernel must be told beside the spec. An arena's variables begin at `contentsOffset`;
 * maps that are pinned by name lie below `pinRoot`.
 */
export function createMap(
  kernel: Kernel,
  spec: MapSpec,
  btf: Fd | undefined,
  more: Partial<BpfAttr["MAP_CREATE"]> = {},
  {
    contentsOffset = 0,
    pinRoot = PIN_ROOT,
  }: { readonly contentsOffset?: number; readonly pinRoot?: string } = {},
): LoadedMap {
  const sized = { ...spec, maxEntries: entriesOf(kernel, spec) };
  const path = spec.pinByName ? `${pinRoot}/${spec.name}` : undefined;
  const pinned = path === undefined ? undefined : openPinned(kernel, path);
  // Whoever pinned it has filled it.
  if (pinned !== undefined) return sharedMap(kernel, sized, pinned, path!);
  const fd = createFd(kernel, sized, btf, more);
  const map = loadedMap(kernel, sized, fd);
  try {
    if (path !== undefined) kernel.bpf("OBJ_PIN", { pathname: path, bpf_fd: fd });
    if (spec.contents) writeContents(map, spec.contents, contentsOffset);
    if (spec.frozen) kernel.bpf("MAP_FREEZE", { map_fd: fd });
    return map;
  } catch (error) {
    map[Symbol.dispose]();
    throw error;
  }
}

function loadedMap(kernel: Kernel, spec: MapSpec, fd: Fd): LoadedMap {
  if (spec.type !== BPF_MAP_TYPE.ARENA) return new LoadedMap(kernel, spec, fd);
  try {
    // The kernel takes no program with an arena before it knows where user space has it.
    const memory = kernel.mmap(fd, arenaBytes(spec, kernel.pageSize), "readWrite", 0, spec.extra);
    return new LoadedMap(kernel, spec, fd, memory);
  } catch (error) {
    kernel.close(fd);
    throw error instanceof SyscallError ? new MapCreateError(spec, error) : error;
  }
}

/** Array elements are copied, arenas are memory; a struct_ops map is written when it is registered. */
function writeContents(map: LoadedMap, contents: Uint8Array, offset: number): void {
  if (map.memory) map.memory.bytes.set(contents, offset);
  else if (map.spec.type !== BPF_MAP_TYPE.STRUCT_OPS) map.update(FIRST_KEY, contents);
}

function arenaBytes({ maxEntries }: MapSpec, page: number): number {
  return maxEntries * page;
}

/** Where an arena's variables lie when they lie at its end, in whole pages. */
export function arenaDataOffset(spec: MapSpec, page: number): number {
  return arenaBytes(spec, page) - alignUp(spec.contents?.length ?? 0, page);
}

/** A map that is in the kernel already, through a descriptor of its own. */
export function reusedMap(kernel: Kernel, spec: MapSpec, fd: Fd): LoadedMap {
  const id = STRUCT.bpf_map_info.fields.id;
  const info = new Uint8Array(STRUCT.bpf_map_info.size);
  kernel.objectInfo(fd, info);
  const map_id = new DataView(info.buffer).getUint32(id.offset, true);
  return new LoadedMap(kernel, spec, kernel.bpf("MAP_GET_FD_BY_ID", { map_id }));
}

/** LIBBPF_PIN_BY_NAME: programs of several loaders share the map of that name. */
function openPinned(kernel: Kernel, pathname: string): Fd | undefined {
  try {
    return kernel.bpf("OBJ_GET", { pathname });
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
}

const DEVICE_MAPS: ReadonlySet<number> = new Set([BPF_MAP_TYPE.DEVMAP, BPF_MAP_TYPE.DEVMAP_HASH]);

/** @throws BpfkitError `loader/pinned-map` where the pinned map is another than the object's */
function sharedMap(kernel: Kernel, spec: MapSpec, fd: Fd, path: string): LoadedMap {
  const { fields, size } = STRUCT.bpf_map_info;
  const info = new Uint8Array(size);
  kernel.objectInfo(fd, info);
  const view = new DataView(info.buffer);
  const wanted = [
    ["type", spec.type],
    ["key_size", spec.keySize],
    ["value_size", spec.valueSize],
    ["max_entries", spec.maxEntries],
    ["map_flags", spec.flags],
  ] as const;
  for (const [name, want] of wanted) {
    // The kernel adds a flag to device maps (dev_map_alloc).
    const added = name === "map_flags" && DEVICE_MAPS.has(spec.type) ? BPF_F.RDONLY_PROG : 0;
    const has = view.getUint32(fields[name].offset, true) & ~added;
    if (has === want) continue;
    kernel.close(fd);
    throw new BpfkitError(
      `The map pinned at ${path} has ${name} ${has}, the object's ${spec.name} has ${want}`,
      {
        code: "loader/pinned-map",
        hints: [`Remove the pin, or give the map another name: rm ${path}`],
      },
    );
  }
  return new LoadedMap(kernel, spec, fd);
}

/** Elements, where the kernel is choosier than people: one a CPU, whole pages. */
function entriesOf(kernel: Kernel, { type, maxEntries }: MapSpec): number {
  if (type === BPF_MAP_TYPE.PERF_EVENT_ARRAY && maxEntries === 0) return kernel.files.possibleCpus().length;
  if (type === BPF_MAP_TYPE.RINGBUF || type === BPF_MAP_TYPE.USER_RINGBUF)
    return ringBytes(maxEntries, kernel.pageSize);
  return maxEntries;
}

/** Ring buffers are a power of two of bytes, a page at least; what is asked for is rounded up. */
function ringBytes(bytes: number, page: number): number {
  if (bytes === 0 || bytes > 2 ** 31) return bytes;
  return Math.max(page, 2 ** Math.ceil(Math.log2(bytes)));
}

function createFd(
  kernel: Kernel,
  own: MapSpec,
  btf: Fd | undefined,
  more: Partial<BpfAttr["MAP_CREATE"]> = {},
): Fd {
  const spec = { ...own, maxEntries: entriesOf(kernel, own) };
  const token = more.map_token_fd;
  const inner = spec.inner && createFd(kernel, spec.inner, btf, token && { map_token_fd: token });
  try {
    const attr = { ...attrOf(spec, inner), ...more };
    const map_flags = token ? (attr.map_flags ?? 0) | BPF_F.TOKEN_FD : attr.map_flags;
    return createWith(kernel, { ...attr, map_flags }, btf, spec);
  } finally {
    if (inner !== undefined) kernel.close(inner);
  }
}

function attrOf(spec: MapSpec, inner: Fd | undefined): BpfAttr["MAP_CREATE"] {
  return {
    map_type: spec.type,
    key_size: spec.keySize,
    value_size: spec.valueSize,
    max_entries: spec.maxEntries,
    map_flags: spec.flags,
    map_name: kernelName(spec.name),
    map_extra: spec.extra,
    numa_node: spec.numaNode,
    inner_map_fd: inner,
  };
}

/** Their keys and values are the kernel's: a type of ours would be refused. */
const UNTYPED: ReadonlySet<number> = new Set(
  (
    [
      "PERF_EVENT_ARRAY",
      "CGROUP_ARRAY",
      "STACK_TRACE",
      "PROG_ARRAY",
      "ARRAY_OF_MAPS",
      "HASH_OF_MAPS",
      "DEVMAP",
      "DEVMAP_HASH",
      "CPUMAP",
      "XSKMAP",
      "SOCKMAP",
      "SOCKHASH",
      "QUEUE",
      "STACK",
      "ARENA",
    ] as const
  ).map((name) => BPF_MAP_TYPE[name]),
);

/** The kernel did not make a map. */
export class MapCreateError extends SyscallError {
  override readonly name = "MapCreateError";
  /** MapSpec.name */
  readonly map: string;

  constructor({ name, maxEntries }: MapSpec, { call, errno, hints }: SyscallError) {
    const unset = maxEntries === 0 ? ["Its max_entries is 0: the program expects to be told a number"] : [];
    super(`${call} of map ${name}`, errno, { hints: [...hints, ...unset] });
    this.map = name;
  }
}

/** With types where the kernel takes them. */
function createWith(kernel: Kernel, attr: BpfAttr["MAP_CREATE"], btf: Fd | undefined, spec: MapSpec): Fd {
  try {
    return createTyped(kernel, attr, btf, spec);
  } catch (error) {
    throw error instanceof SyscallError ? new MapCreateError(spec, error) : error;
  }
}

function createTyped(kernel: Kernel, attr: BpfAttr["MAP_CREATE"], btf: Fd | undefined, spec: MapSpec): Fd {
  const typed = btf !== undefined && spec.btfValueTypeId !== undefined && !UNTYPED.has(spec.type);
  const types = {
    btf_fd: btf,
    btf_key_type_id: spec.btfKeyTypeId,
    btf_value_type_id: spec.btfValueTypeId,
  };
  try {
    return kernel.bpf("MAP_CREATE", typed ? { ...attr, ...types } : attr);
  } catch (error) {
    // Map types that carry no types say EINVAL or ENOTSUPP to them.
    if (!typed || !(error instanceof SyscallError)) throw error;
    if (error.errno !== ERRNO.EINVAL && error.errno !== ERRNO.ENOTSUPP) throw error;
    return kernel.bpf("MAP_CREATE", attr);
  }
}

/** Names hold letters, digits, `_` and `.` (bpf_obj_name_cpy in kernel/bpf/syscall.c). */
export function kernelName(name: string): string {
  return name.replace(/[^\w.]/g, "_").slice(0, 15);
}
