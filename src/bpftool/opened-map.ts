import { parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { mapInfo } from "../inspect/index.ts";
import type { MapInfo } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { LoadedMap } from "../loader/index.ts";
import { BPF_MAP_TYPE } from "../uapi/index.ts";
import { objectBtf } from "./handle.ts";

/** A map with what is needed to read and print its elements; whoever opened `fd` closes it. */
export interface OpenedMap {
  readonly kernel: Kernel;
  readonly fd: Fd;
  readonly info: MapInfo;
  readonly map: LoadedMap;
  /** Types of keys and values, where the map has any. */
  readonly btf: Btf | undefined;
  /** 0: untyped. */
  readonly valueType: number;
}

export function openedMap(kernel: Kernel, fd: Fd): OpenedMap {
  const info = mapInfo(kernel, fd);
  const spec = {
    name: info.name,
    type: info.type,
    keySize: info.keySize,
    valueSize: info.valueSize,
    maxEntries: info.maxEntries,
    flags: info.flags,
  };
  return {
    kernel,
    fd,
    info,
    map: new LoadedMap(kernel, spec, fd),
    btf: typesOf(kernel, info),
    valueType: info.btfVmlinuxValueTypeId === 0 ? info.btfValueTypeId : info.btfVmlinuxValueTypeId,
  };
}

/** Of struct_ops maps the kernel's own. */
function typesOf(kernel: Kernel, info: MapInfo): Btf | undefined {
  if (info.btfVmlinuxValueTypeId !== 0) return parseBtf(kernel.files.btf());
  return info.btfId === 0 || info.btfValueTypeId === 0 ? undefined : objectBtf(kernel, info.btfId);
}

export function holdsMaps({ type }: MapInfo): boolean {
  return type === BPF_MAP_TYPE.ARRAY_OF_MAPS || type === BPF_MAP_TYPE.HASH_OF_MAPS;
}

export function holdsPrograms({ type }: MapInfo): boolean {
  return type === BPF_MAP_TYPE.PROG_ARRAY;
}
