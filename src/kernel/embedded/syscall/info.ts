import { encode } from "../../../isa/index.ts";
import { BPF_LINK_TYPE, BPF_PERF_EVENT, STRUCT } from "../../../uapi/index.ts";
import type { FieldLayout, StructName } from "../../../uapi/index.ts";
import type { InfoPointer } from "../../index.ts";
import type { Hook } from "../events/index.ts";
import { Link } from "../events/link.ts";
import { IteratorLink } from "../iterators/index.ts";
import { failure } from "../kernel-object.ts";
import type { KernelObject } from "../kernel-object.ts";
import { BpfMap } from "../maps/index.ts";
import { BtfObject } from "../programs/btf-object.ts";
import { BpfProgram } from "../programs/program.ts";
import type { World } from "../world.ts";

/** What an info struct says: plain fields, and arrays that the caller gives buffers for. */
interface Info {
  readonly struct: StructName;
  readonly fields: Readonly<Record<string, number | bigint | Uint8Array>>;
  readonly arrays: readonly InfoArray[];
}

interface InfoArray {
  /** The pointer's field. */
  readonly pointer: string;
  /** The field that holds how many elements the buffer has room for, and afterwards how many there are. */
  readonly count: string;
  readonly elementSize: number;
  readonly data: Uint8Array;
}

/** OBJ_GET_INFO_BY_FD: fills `info` and the buffers behind its pointers; gives the bytes of `info` written. */
export function objectInfo(
  world: World,
  fd: number,
  info: Uint8Array,
  pointers: readonly InfoPointer[],
): number {
  const { struct, fields, arrays } = describe(world.descriptors.object(fd));
  const { size, fields: layouts } = STRUCT[struct];
  const layout: Readonly<Record<string, FieldLayout>> = layouts;
  const out = new Uint8Array(size);
  const asked = new DataView(info.buffer, info.byteOffset, info.byteLength);
  for (const [name, value] of Object.entries(fields)) writeField(out, layout[name]!, value);
  for (const { pointer, count, elementSize, data } of arrays) {
    const { offset } = layout[count]!;
    const room = offset + 4 <= info.length ? asked.getUint32(offset, true) * elementSize : 0;
    const buffer = pointers.find((candidate) => candidate.offset === layout[pointer]!.offset)?.buffer;
    if (buffer) buffer.set(data.subarray(0, Math.min(room, buffer.length)));
    writeField(out, layout[count]!, data.length / elementSize);
  }
  const written = Math.min(size, info.length);
  info.set(out.subarray(0, written));
  return written;
}

function writeField(out: Uint8Array, layout: FieldLayout, value: number | bigint | Uint8Array): void {
  const view = new DataView(out.buffer);
  const { offset, size } = layout;
  if (value instanceof Uint8Array) return out.set(value.subarray(0, size), offset);
  if (layout.kind === "bits") {
    const bit = BigInt(value) << BigInt(layout.bit);
    return view.setBigUint64(offset, view.getBigUint64(offset, true) | bit, true);
  }
  if (size === 8) return view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  view.setUint32(offset, Number(value) >>> 0, true);
}

function describe(object: KernelObject): Info {
  if (object instanceof BpfMap) return mapInfo(object);
  if (object instanceof BpfProgram) return programInfo(object);
  if (object instanceof BtfObject) return btfInfo(object);
  if (object instanceof Link) return linkInfo(object);
  throw failure("EINVAL");
}

function mapInfo(map: BpfMap): Info {
  const { type, keySize, valueSize, maxEntries, flags, name, btf, extra } = map.definition;
  return {
    struct: "bpf_map_info",
    fields: {
      type,
      id: map.id,
      key_size: keySize,
      value_size: valueSize,
      max_entries: maxEntries,
      map_flags: flags,
      name: Buffer.from(name),
      map_extra: extra,
      btf_id: btf?.id ?? 0,
      btf_key_type_id: btf?.key ?? 0,
      btf_value_type_id: btf?.value ?? 0,
    },
    arrays: [],
  };
}

function programInfo(program: BpfProgram): Info {
  const { definition, executable } = program;
  const { translation } = executable;
  const xlated = encode(definition.xlated);
  const functions = Math.max(1, definition.functionInfo.length / STRUCT.bpf_func_info.size);
  return {
    struct: "bpf_prog_info",
    fields: {
      type: program.type,
      id: program.id,
      tag: definition.tag(),
      load_time: definition.loadTime,
      created_by_uid: definition.uid,
      name: Buffer.from(definition.name),
      gpl_compatible: program.gplCompatible ? 1 : 0,
      btf_id: definition.btf?.id ?? 0,
      func_info_rec_size: definition.functionInfo.length > 0 ? STRUCT.bpf_func_info.size : 0,
      line_info_rec_size: definition.lineInfo.length > 0 ? STRUCT.bpf_line_info.size : 0,
      run_time_ns: program.runTime,
      run_cnt: program.runCount,
      verified_insns: definition.xlated.length,
      attach_btf_id: definition.attachBtfId,
    },
    arrays: [
      array("map_ids", "nr_map_ids", 4, u32s(program.maps.map(({ id }) => id))),
      array("xlated_prog_insns", "xlated_prog_len", 1, xlated),
      array("jited_prog_insns", "jited_prog_len", 1, translation),
      array("func_info", "nr_func_info", STRUCT.bpf_func_info.size, definition.functionInfo),
      array("line_info", "nr_line_info", STRUCT.bpf_line_info.size, definition.lineInfo),
      array(
        "jited_func_lens",
        "nr_jited_func_lens",
        4,
        u32s(translation.length > 0 ? [translation.length] : []),
      ),
      array("prog_tags", "nr_prog_tags", 8, Buffer.concat(Array.from({ length: functions }, definition.tag))),
    ],
  };
}

function btfInfo(object: BtfObject): Info {
  return {
    struct: "bpf_btf_info",
    fields: { id: object.id, kernel_btf: object.name === "" ? 0 : 1 },
    arrays: [
      array("btf", "btf_size", 1, object.bytes),
      array("name", "name_len", 1, Buffer.from(`${object.name}\0`)),
    ],
  };
}

function linkInfo(link: Link): Info {
  const { attachment, type, attachType } = link;
  const common = { type, id: link.id, prog_id: attachment?.program.id ?? 0 };
  if (!attachment) return { struct: "bpf_link_info", fields: common, arrays: [] };
  if (link instanceof IteratorLink) return iteratorInfo(link, common);
  const { fields, arrays } = hookInfo(attachment.hook, type, attachType, attachment.cookie);
  return { struct: "bpf_link_info", fields: { ...common, ...fields }, arrays };
}

function iteratorInfo({ target, scope }: IteratorLink, common: Info["fields"]): Info {
  const limits = {
    ...(scope.kind === "map" && { "iter.map.map_id": scope.map.id }),
    ...(scope.kind === "thread" && { "iter.task.tid": scope.pid }),
    ...(scope.kind === "process" && { "iter.task.pid": scope.pid }),
  };
  return {
    struct: "bpf_link_info",
    fields: { ...common, ...limits },
    arrays: [text("iter.target_name", "iter.target_name_len", target)],
  };
}

function hookInfo(
  hook: Hook,
  type: number,
  attachType: number,
  cookie: bigint,
): Pick<Info, "fields" | "arrays"> {
  switch (hook.kind) {
    case "rawtracepoint":
      return {
        fields: { "raw_tracepoint.cookie": cookie },
        arrays: [text("raw_tracepoint.tp_name", "raw_tracepoint.tp_name_len", hook.event)],
      };
    case "tracing":
      return { fields: { "tracing.attach_type": attachType, "tracing.cookie": cookie }, arrays: [] };
    case "tracepoint":
      return {
        fields: { "perf_event.type": BPF_PERF_EVENT.TRACEPOINT, "perf_event.tracepoint.cookie": cookie },
        arrays: [text("perf_event.tracepoint.tp_name", "perf_event.tracepoint.name_len", hook.event)],
      };
    case "uprobe":
      return {
        fields: {
          "perf_event.type": hook.return ? BPF_PERF_EVENT.URETPROBE : BPF_PERF_EVENT.UPROBE,
          "perf_event.uprobe.offset": hook.offset,
          "perf_event.uprobe.cookie": cookie,
        },
        arrays: [text("perf_event.uprobe.file_name", "perf_event.uprobe.name_len", hook.path)],
      };
    case "kprobe":
      return {
        fields: {
          "perf_event.type": hook.return ? BPF_PERF_EVENT.KRETPROBE : BPF_PERF_EVENT.KPROBE,
          "perf_event.kprobe.offset": hook.offset,
          "perf_event.kprobe.cookie": cookie,
        },
        arrays: [text("perf_event.kprobe.func_name", "perf_event.kprobe.name_len", hook.function)],
      };
    case "perf":
      return {
        fields: {
          "perf_event.type": BPF_PERF_EVENT.EVENT,
          "perf_event.event.type": hook.type,
          "perf_event.event.config": hook.config,
          "perf_event.event.cookie": cookie,
        },
        arrays: [],
      };
    case "iterator":
      return { fields: {}, arrays: [] };
    case "target":
      return { fields: targetInfo(hook.target, type, attachType), arrays: [] };
  }
}

function targetInfo(target: number, type: number, attachType: number): Info["fields"] {
  switch (type) {
    case BPF_LINK_TYPE.XDP:
      return { "xdp.ifindex": target };
    case BPF_LINK_TYPE.TCX:
    case BPF_LINK_TYPE.NETKIT:
      return { "tcx.ifindex": target, "tcx.attach_type": attachType };
    case BPF_LINK_TYPE.CGROUP:
      return { "cgroup.cgroup_id": target, "cgroup.attach_type": attachType };
    case BPF_LINK_TYPE.NETNS:
      return { "netns.netns_ino": target, "netns.attach_type": attachType };
    default:
      return {};
  }
}

function array(pointer: string, count: string, elementSize: number, data: Uint8Array): InfoArray {
  return { pointer, count, elementSize, data };
}

function text(pointer: string, count: string, value: string): InfoArray {
  return array(pointer, count, 1, Buffer.from(`${value}\0`));
}

function u32s(values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
