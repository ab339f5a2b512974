import type { Fd, Kernel } from "../kernel/index.ts";
import { fdInfo } from "./objects.ts";
import { readU32s, StructReader } from "./struct-reader.ts";

/** What the kernel tells of a program. Sizes in bytes. */
export interface ProgramInfo {
  readonly id: number;
  /** BPF_PROG_TYPE number. */
  readonly type: number;
  /** At most 15 characters; the full name is in BTF. */
  readonly name: string;
  /** 16 hexadecimal digits. */
  readonly tag: string;
  readonly gplCompatible: boolean;
  /** Nanoseconds since boot. */
  readonly loadTime: bigint;
  readonly createdByUid: number;
  readonly xlatedSize: number;
  /** 0: interpreted. */
  readonly jitedSize: number;
  readonly memlock: number | undefined;
  readonly mapIds: readonly number[];
  /** 0: none. */
  readonly btfId: number;
  /** Of the network device it was moved to; 0: none. */
  readonly ifindex: number;
  /** The network namespace of that device. */
  readonly netnsDevice: bigint;
  readonly netnsInode: bigint;
  /** What it is attached to, as a type's id in a BTF object; 0: nothing. */
  readonly attachBtfObject: number;
  readonly attachBtfId: number;
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
  readonly recursionMisses: bigint;
  readonly functionCount: number;
  readonly lineCount: number;
}

export function programInfo(kernel: Kernel, fd: Fd): ProgramInfo {
  const sizes = new StructReader("bpf_prog_info");
  kernel.objectInfo(fd, sizes.bytes);
  const count = sizes.number("nr_map_ids");
  const maps = new Uint8Array(count * 4);
  const info = new StructReader("bpf_prog_info");
  info.setNumber("nr_map_ids", count);
  kernel.objectInfo(fd, info.bytes, [{ offset: info.offset("map_ids"), buffer: maps }]);
  const memlock = fdInfo(kernel, fd, "memlock");
  return {
    id: info.number("id"),
    type: info.number("type"),
    name: info.text("name"),
    tag: Buffer.from(info.data("tag")).toString("hex"),
    gplCompatible: info.flag("gpl_compatible"),
    loadTime: info.bigint("load_time"),
    createdByUid: info.number("created_by_uid"),
    xlatedSize: info.number("xlated_prog_len"),
    jitedSize: info.number("jited_prog_len"),
    memlock: memlock === undefined ? undefined : Number(memlock),
    mapIds: readU32s(maps, info.number("nr_map_ids")),
    btfId: info.number("btf_id"),
    ifindex: info.number("ifindex"),
    netnsDevice: info.bigint("netns_dev"),
    netnsInode: info.bigint("netns_ino"),
    attachBtfObject: info.number("attach_btf_obj_id"),
    attachBtfId: info.number("attach_btf_id"),
    runTimeNs: info.bigint("run_time_ns"),
    runCount: info.bigint("run_cnt"),
    recursionMisses: info.bigint("recursion_misses"),
    functionCount: sizes.number("nr_func_info"),
    lineCount: sizes.number("nr_line_info"),
  };
}
