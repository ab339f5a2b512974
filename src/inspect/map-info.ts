import type { Fd, Kernel } from "../kernel/index.ts";
import { fdInfo } from "./objects.ts";
import { StructReader } from "./struct-reader.ts";

/** What the kernel tells of a map. Sizes in bytes. */
export interface MapInfo {
  readonly id: number;
  /** BPF_MAP_TYPE number. */
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly memlock: number | undefined;
  /** Of the network device it was moved to; 0: none. */
  readonly ifindex: number;
  /** The network namespace of that device. */
  readonly netnsDevice: bigint;
  readonly netnsInode: bigint;
  /** 0: none. */
  readonly btfId: number;
  readonly btfKeyTypeId: number;
  readonly btfValueTypeId: number;
  readonly btfVmlinuxValueTypeId: number;
  readonly frozen: boolean;
  /** Of program arrays: the type of the programs in it, a BPF_PROG_TYPE number. */
  readonly ownerProgramType: number | undefined;
  readonly ownerJited: boolean | undefined;
}

export function mapInfo(kernel: Kernel, fd: Fd): MapInfo {
  const info = new StructReader("bpf_map_info");
  kernel.objectInfo(fd, info.bytes);
  const number = (field: string): number | undefined => {
    const text = fdInfo(kernel, fd, field);
    return text === undefined ? undefined : Number(text);
  };
  const jited = number("owner_jited");
  return {
    id: info.number("id"),
    type: info.number("type"),
    name: info.text("name"),
    keySize: info.number("key_size"),
    valueSize: info.number("value_size"),
    maxEntries: info.number("max_entries"),
    flags: info.number("map_flags"),
    memlock: number("memlock"),
    ifindex: info.number("ifindex"),
    netnsDevice: info.bigint("netns_dev"),
    netnsInode: info.bigint("netns_ino"),
    btfId: info.number("btf_id"),
    btfKeyTypeId: info.number("btf_key_type_id"),
    btfValueTypeId: info.number("btf_value_type_id"),
    btfVmlinuxValueTypeId: info.number("btf_vmlinux_value_type_id"),
    frozen: number("frozen") === 1,
    ownerProgramType: number("owner_prog_type"),
    ownerJited: jited === undefined ? undefined : jited === 1,
  };
}

/** struct bpf_map_info in the kernel's own length, which may be more than is known here. */
export function mapInfoBytes(kernel: Kernel, fd: Fd, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  kernel.objectInfo(fd, bytes);
  return bytes;
}
