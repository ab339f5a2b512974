import type { Fd, InfoPointer, Kernel } from "../kernel/index.ts";
import { BPF_LINK_TYPE, BPF_PERF_EVENT } from "../uapi/index.ts";
import { readU64s, StructReader } from "./struct-reader.ts";

/** What the kernel tells of a link; the detail depends on its type. */
export interface LinkInfo {
  readonly id: number;
  /** BPF_LINK_TYPE number. */
  readonly type: number;
  /** 0: none, as for struct_ops. */
  readonly programId: number;
  readonly detail: LinkDetail;
}

export type LinkDetail =
  | { readonly kind: "raw_tracepoint"; readonly name: string; readonly cookie: bigint }
  | {
      readonly kind: "tracing";
      /** BPF_ATTACH_TYPE number. */
      readonly attachType: number;
      readonly targetObjectId: number;
      readonly targetBtfId: number;
      readonly cookie: bigint;
    }
  | { readonly kind: "cgroup"; readonly cgroupId: bigint; readonly attachType: number }
  | { readonly kind: "netns"; readonly inode: number; readonly attachType: number }
  | { readonly kind: "interface"; readonly ifindex: number; readonly attachType: number | undefined }
  | { readonly kind: "map"; readonly mapId: number; readonly attachType: number | undefined }
  | {
      readonly kind: "iter";
      readonly target: string;
      /** Of iterators over a map's elements; else 0, as the rest. */
      readonly mapId: number;
      readonly cgroupId: bigint;
      /** BPF_CGROUP_ITER number. */
      readonly cgroupOrder: number;
      readonly tid: number;
      readonly pid: number;
    }
  | {
      readonly kind: "netfilter";
      readonly family: number;
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | {
      readonly kind: "kprobe_multi";
      readonly return: boolean;
      readonly addresses: readonly bigint[];
      readonly cookies: readonly bigint[];
      readonly missed: bigint;
    }
  | {
      readonly kind: "uprobe_multi";
      readonly return: boolean;
      readonly path: string;
      readonly offsets: readonly bigint[];
      /** Of the counters that say whether anybody listens (USDT semaphores). */
      readonly counterOffsets: readonly bigint[];
      readonly cookies: readonly bigint[];
      readonly pid: number;
    }
  | {
      readonly kind: "kprobe";
      readonly return: boolean;
      readonly function: string;
      readonly offset: number;
      readonly address: bigint;
      readonly missed: bigint;
      readonly cookie: bigint;
    }
  | {
      readonly kind: "uprobe";
      readonly return: boolean;
      readonly path: string;
      readonly offset: number;
      readonly cookie: bigint;
      readonly counterOffset: bigint;
    }
  | { readonly kind: "tracepoint"; readonly name: string; readonly cookie: bigint }
  | { readonly kind: "event"; readonly type: number; readonly config: bigint; readonly cookie: bigint }
  | { readonly kind: "none" };

type Info = StructReader<"bpf_link_info">;
const TEXT_SIZE = 4096;

export function linkInfo(kernel: Kernel, fd: Fd): LinkInfo {
  const info = new StructReader("bpf_link_info");
  kernel.objectInfo(fd, info.bytes);
  return {
    id: info.number("id"),
    type: info.number("type"),
    programId: info.number("prog_id"),
    detail: readDetail(new DetailReader(kernel, fd, info)),
  };
}

type Field = Parameters<Info["offset"]>[0];

/** What a second question gives, with room for the texts and arrays that the first answer gave the sizes of. */
interface DetailRequest {
  readonly text?: { readonly pointer: Field; readonly length: Field };
  /** All of one length. */
  readonly arrays?: { readonly count: Field; readonly pointers: readonly Field[] };
}

interface DetailAnswer {
  readonly text: string;
  readonly arrays: readonly (readonly bigint[])[];
}

class DetailReader {
  readonly info: Info;
  readonly #kernel: Kernel;
  readonly #fd: Fd;

  constructor(kernel: Kernel, fd: Fd, info: Info) {
    this.#kernel = kernel;
    this.#fd = fd;
    this.info = info;
  }

  text(pointer: Field, length: Field): string {
    return this.ask({ text: { pointer, length } }).text;
  }

  /** In one question: the kernel refuses some arrays without others. */
  ask({ text, arrays }: DetailRequest): DetailAnswer {
    const again = new StructReader("bpf_link_info");
    const pointers: InfoPointer[] = [];
    const textBuffer = new Uint8Array(text ? TEXT_SIZE : 0);
    if (text) {
      again.setNumber(text.length, TEXT_SIZE);
      pointers.push({ offset: again.offset(text.pointer), buffer: textBuffer });
    }
    const count = arrays ? this.info.number(arrays.count) : 0;
    const buffers = (arrays?.pointers ?? []).map((pointer) => {
      const buffer = new Uint8Array(count * 8);
      if (count > 0) pointers.push({ offset: again.offset(pointer), buffer });
      return buffer;
    });
    if (arrays) again.setNumber(arrays.count, count);
    if (pointers.length > 0) this.#kernel.objectInfo(this.#fd, again.bytes, pointers);
    return {
      text: Buffer.from(textBuffer.subarray(0, Math.max(0, textBuffer.indexOf(0)))).toString(),
      arrays: buffers.map((buffer) => readU64s(buffer, count)),
    };
  }
}

function readDetail(reader: DetailReader): LinkDetail {
  const { info } = reader;
  switch (info.number("type")) {
    case BPF_LINK_TYPE.RAW_TRACEPOINT:
      return {
        kind: "raw_tracepoint",
        name: reader.text("raw_tracepoint.tp_name", "raw_tracepoint.tp_name_len"),
        cookie: info.bigint("raw_tracepoint.cookie"),
      };
    case BPF_LINK_TYPE.TRACING:
      return {
        kind: "tracing",
        attachType: info.number("tracing.attach_type"),
        targetObjectId: info.number("tracing.target_obj_id"),
        targetBtfId: info.number("tracing.target_btf_id"),
        cookie: info.bigint("tracing.cookie"),
      };
    case BPF_LINK_TYPE.CGROUP:
      return {
        kind: "cgroup",
        cgroupId: info.bigint("cgroup.cgroup_id"),
        attachType: info.number("cgroup.attach_type"),
      };
    case BPF_LINK_TYPE.NETNS:
      return {
        kind: "netns",
        inode: info.number("netns.netns_ino"),
        attachType: info.number("netns.attach_type"),
      };
    case BPF_LINK_TYPE.XDP:
      return { kind: "interface", ifindex: info.number("xdp.ifindex"), attachType: undefined };
    case BPF_LINK_TYPE.TCX:
    case BPF_LINK_TYPE.NETKIT:
      return {
        kind: "interface",
        ifindex: info.number("tcx.ifindex"),
        attachType: info.number("tcx.attach_type"),
      };
    case BPF_LINK_TYPE.STRUCT_OPS:
      return { kind: "map", mapId: info.number("struct_ops.map_id"), attachType: undefined };
    case BPF_LINK_TYPE.SOCKMAP:
      return {
        kind: "map",
        mapId: info.number("sockmap.map_id"),
        attachType: info.number("sockmap.attach_type"),
      };
    case BPF_LINK_TYPE.ITER:
      return {
        kind: "iter",
        target: reader.text("iter.target_name", "iter.target_name_len"),
        mapId: info.number("iter.map.map_id"),
        cgroupId: info.bigint("iter.cgroup.cgroup_id"),
        cgroupOrder: info.number("iter.cgroup.order"),
        tid: info.number("iter.task.tid"),
        pid: info.number("iter.task.pid"),
      };
    case BPF_LINK_TYPE.NETFILTER:
      return {
        kind: "netfilter",
        family: info.number("netfilter.pf"),
        hook: info.number("netfilter.hooknum"),
        priority: info.number("netfilter.priority"),
        flags: info.number("netfilter.flags"),
      };
    case BPF_LINK_TYPE.KPROBE_MULTI:
      return readKprobeMulti(reader);
    case BPF_LINK_TYPE.UPROBE_MULTI:
      return readUprobeMulti(reader);
    case BPF_LINK_TYPE.PERF_EVENT:
      return readPerfEvent(reader);
    default:
      return { kind: "none" };
  }
}

function readKprobeMulti(reader: DetailReader): LinkDetail {
  const { info } = reader;
  const [addresses = [], cookies = []] = reader.ask({
    arrays: { count: "kprobe_multi.count", pointers: ["kprobe_multi.addrs", "kprobe_multi.cookies"] },
  }).arrays;
  return {
    kind: "kprobe_multi",
    return: (info.number("kprobe_multi.flags") & 1) !== 0,
    addresses,
    cookies,
    missed: info.bigint("kprobe_multi.missed"),
  };
}

function readUprobeMulti(reader: DetailReader): LinkDetail {
  const { info } = reader;
  const { text, arrays } = reader.ask({
    text: { pointer: "uprobe_multi.path", length: "uprobe_multi.path_size" },
    arrays: {
      count: "uprobe_multi.count",
      pointers: ["uprobe_multi.offsets", "uprobe_multi.ref_ctr_offsets", "uprobe_multi.cookies"],
    },
  });
  const [offsets = [], counterOffsets = [], cookies = []] = arrays;
  return {
    kind: "uprobe_multi",
    return: (info.number("uprobe_multi.flags") & 1) !== 0,
    path: text,
    offsets,
    counterOffsets,
    cookies,
    pid: info.number("uprobe_multi.pid"),
  };
}

function readPerfEvent(reader: DetailReader): LinkDetail {
  const { info } = reader;
  const type = info.number("perf_event.type");
  switch (type) {
    case BPF_PERF_EVENT.KPROBE:
    case BPF_PERF_EVENT.KRETPROBE:
      return {
        kind: "kprobe",
        return: type === BPF_PERF_EVENT.KRETPROBE,
        function: reader.text("perf_event.kprobe.func_name", "perf_event.kprobe.name_len"),
        offset: info.number("perf_event.kprobe.offset"),
        address: info.bigint("perf_event.kprobe.addr"),
        missed: info.bigint("perf_event.kprobe.missed"),
        cookie: info.bigint("perf_event.kprobe.cookie"),
      };
    case BPF_PERF_EVENT.UPROBE:
    case BPF_PERF_EVENT.URETPROBE:
      return {
        kind: "uprobe",
        return: type === BPF_PERF_EVENT.URETPROBE,
        path: reader.text("perf_event.uprobe.file_name", "perf_event.uprobe.name_len"),
        offset: info.number("perf_event.uprobe.offset"),
        cookie: info.bigint("perf_event.uprobe.cookie"),
        counterOffset: info.bigint("perf_event.uprobe.ref_ctr_offset"),
      };
    case BPF_PERF_EVENT.TRACEPOINT:
      return {
        kind: "tracepoint",
        name: reader.text("perf_event.tracepoint.tp_name", "perf_event.tracepoint.name_len"),
        cookie: info.bigint("perf_event.tracepoint.cookie"),
      };
    case BPF_PERF_EVENT.EVENT:
      return {
        kind: "event",
        type: info.number("perf_event.event.type"),
        config: info.bigint("perf_event.event.config"),
        cookie: info.bigint("perf_event.event.cookie"),
      };
    default:
      return { kind: "none" };
  }
}
