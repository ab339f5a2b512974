import { BPF_ATTACH_FLAG, BPF_ATTACH_TYPE, BPF_F } from "../uapi/index.ts";
import type { BpfCommandName } from "../uapi/index.ts";
import {
  anyOf,
  anyOfValue,
  array,
  arrayValue,
  buffer,
  descriptor,
  descriptorValue,
  directory,
  group,
  hex,
  inOut,
  kernelVersion,
  name,
  networkInterface,
  oneOf,
  pointer,
  signed,
  structFields,
  text,
  unsigned,
} from "./fields.ts";
import type { FieldContext, Format, Row, StructView } from "./fields.ts";
import { insnsValue } from "./insn-value.ts";
import {
  ATTACH_FLAG,
  ATTACH_TYPE,
  FD_TYPE,
  FILE_FLAG,
  KPROBE_MULTI_FLAG,
  LOAD_FLAG,
  LOOKUP_FLAG,
  MAP_FLAG,
  MAP_TYPE,
  NETFILTER_FLAG,
  OPEN_FLAG,
  PROG_TYPE,
  QUERY_FLAG,
  STATS_TYPE,
  TEST_FLAG,
  UPDATE_FLAG,
  UPROBE_MULTI_FLAG,
} from "./names.ts";
import { readText } from "./process-view.ts";
import { decimal, hexadecimal, struct } from "./value.ts";
import type { Field, Value } from "./value.ts";

/** How one command's part of union bpf_attr is printed. Where fields lie is `uapi`'s. */
export interface CommandRow {
  /** The named member of the union that the fields are in. */
  readonly member?: string;
  readonly rows: readonly Row[];
  /** The member chosen by another field, printed behind the rows; `end` is the size that is thereby known. */
  readonly choice?: (context: Omit<FieldContext, "name">) => {
    readonly fields: readonly Field[];
    readonly end: number;
  };
}

const OUTPUT = { output: true } as const;

/** Hooks of a network interface take its index in place of a descriptor. */
const INTERFACE_HOOKS: ReadonlySet<number> = new Set([
  BPF_ATTACH_TYPE.TCX_INGRESS,
  BPF_ATTACH_TYPE.TCX_EGRESS,
  BPF_ATTACH_TYPE.NETKIT_PRIMARY,
  BPF_ATTACH_TYPE.NETKIT_PEER,
  BPF_ATTACH_TYPE.XDP,
]);

function onInterface(attr: StructView): boolean {
  return INTERFACE_HOOKS.has(attr.u32("attach_type"));
}

const target: Row = [
  "target_fd",
  (context) => (onInterface(context.attr) ? networkInterface(context) : descriptor(context)),
  { as: (attr) => (onInterface(attr) ? "target_ifindex" : "target_fd") },
];

/** Under BPF_F_ID an id stands where a descriptor would. */
function relative(path: string, flags: string): Row {
  const isId = (attr: StructView): boolean => (attr.u32(flags) & BPF_ATTACH_FLAG.ID) !== 0;
  return [
    path,
    (context) => (isId(context.attr) ? unsigned(context) : descriptor(context)),
    { as: (attr) => (isId(attr) ? "relative_id" : "relative_fd") },
  ];
}

const insns: Format = ({ attr, name: field, view, detail }) =>
  insnsValue(attr.u64(field), attr.u32("insn_cnt"), view, detail);

const attachFlags = (value: bigint): Value => anyOfValue(ATTACH_FLAG, value);
const hexElement = (value: bigint): Value => hexadecimal(value);
const stringElement = (address: bigint, { view, detail }: FieldContext): Value => {
  if (address === 0n) return { kind: "pointer", address };
  const found = readText(view, address, detail.stringLimit);
  return found ? { kind: "bytes", style: "text", ...found } : { kind: "pointer", address };
};

const elementRows: readonly Row[] = [
  ["map_fd", descriptor],
  ["key", pointer],
  ["value", pointer],
];
const lookup: CommandRow = { rows: [...elementRows, ["flags", anyOf(LOOKUP_FLAG)]] };
const nextId: CommandRow = {
  rows: [
    ["start_id", unsigned],
    ["next_id", unsigned, { output: true, always: true }],
  ],
};
const pin: CommandRow = {
  rows: [
    ["pathname", text("path")],
    ["bpf_fd", descriptor],
    ["file_flags", anyOf(FILE_FLAG)],
    ["path_fd", directory],
  ],
};
const attach: CommandRow = {
  rows: [
    target,
    ["attach_bpf_fd", descriptor],
    ["attach_type", oneOf(ATTACH_TYPE)],
    ["attach_flags", anyOf(ATTACH_FLAG)],
    ["replace_bpf_fd", descriptor],
    relative("relative_fd", "attach_flags"),
    ["expected_revision", unsigned],
  ],
};
const batchTail: readonly Row[] = [
  ["count", unsigned],
  ["map_fd", descriptor],
  ["elem_flags", anyOf(LOOKUP_FLAG), { always: true }],
  ["flags", hex, { always: true }],
];
const batch = (...buffers: readonly string[]): CommandRow => ({
  member: "batch",
  rows: [...buffers.map((field): Row => [field, pointer]), ...batchTail],
});

const PROG_LOAD: readonly Row[] = [
  ["prog_type", oneOf(PROG_TYPE)],
  ["insn_cnt", unsigned],
  ["insns", insns],
  ["license", text("string")],
  ["log_level", unsigned],
  ["log_size", unsigned],
  ["log_buf", text({ size: "log_size" })],
  ["kern_version", kernelVersion],
  ["prog_flags", anyOf(LOAD_FLAG)],
  ["prog_name", name],
  ["prog_ifindex", networkInterface],
  ["expected_attach_type", oneOf(ATTACH_TYPE)],
  ["prog_btf_fd", descriptor],
  ["func_info_rec_size", unsigned],
  ["func_info", pointer],
  ["func_info_cnt", unsigned],
  ["line_info_rec_size", unsigned],
  ["line_info", pointer],
  ["line_info_cnt", unsigned],
  ["attach_btf_id", unsigned],
  ["attach_prog_fd", descriptor],
  // The count lies before the array, and is used only with the relocations behind it.
  ["core_relo_cnt", unsigned, { when: (attr) => attr.has("core_relos") }],
  ["fd_array", pointer],
  ["core_relos", pointer],
  ["core_relo_rec_size", unsigned],
  ["log_true_size", unsigned, OUTPUT],
  ["prog_token_fd", descriptor, OUTPUT],
  ["fd_array_cnt", unsigned, OUTPUT],
  ["signature", buffer("signature_size", "hex"), OUTPUT],
  ["signature_size", unsigned, OUTPUT],
  ["keyring_id", signed, OUTPUT],
];

export const COMMANDS: Readonly<Partial<Record<BpfCommandName, CommandRow>>> = {
  MAP_CREATE: {
    rows: [
      ["map_type", oneOf(MAP_TYPE)],
      ["key_size", unsigned],
      ["value_size", unsigned],
      ["max_entries", unsigned],
      ["map_flags", anyOf(MAP_FLAG)],
      ["inner_map_fd", descriptor],
      ["numa_node", numaNode, { when: (attr) => (attr.u32("map_flags") & BPF_F.NUMA_NODE) !== 0 }],
      ["map_name", name],
      ["map_ifindex", networkInterface],
      ["btf_fd", descriptor],
      ["btf_key_type_id", unsigned],
      ["btf_value_type_id", unsigned],
      ["btf_vmlinux_value_type_id", unsigned],
      ["map_extra", unsigned],
      ["value_type_btf_obj_fd", descriptor],
      ["map_token_fd", descriptor],
      ["excl_prog_hash", pointer],
      ["excl_prog_hash_size", unsigned],
    ],
  },
  MAP_LOOKUP_ELEM: lookup,
  MAP_LOOKUP_AND_DELETE_ELEM: lookup,
  MAP_UPDATE_ELEM: { rows: [...elementRows, ["flags", oneOf(UPDATE_FLAG), { always: true }]] },
  MAP_DELETE_ELEM: { rows: elementRows.slice(0, 2) },
  MAP_GET_NEXT_KEY: { rows: [...elementRows.slice(0, 2), ["next_key", pointer]] },
  MAP_FREEZE: { rows: elementRows.slice(0, 1) },
  PROG_LOAD: { rows: PROG_LOAD },
  OBJ_PIN: pin,
  OBJ_GET: pin,
  PROG_ATTACH: attach,
  PROG_DETACH: attach,
  PROG_TEST_RUN: {
    member: "test",
    rows: [
      ["prog_fd", descriptor],
      ["retval", unsigned],
      ["data_size_in", unsigned],
      ["data_size_out", unsigned],
      ["data_in", pointer],
      ["data_out", pointer],
      ["repeat", unsigned],
      ["duration", unsigned],
      ["ctx_size_in", unsigned],
      ["ctx_size_out", unsigned],
      ["ctx_in", pointer],
      ["ctx_out", pointer],
      ["flags", anyOf(TEST_FLAG)],
      ["cpu", unsigned],
      ["batch_size", unsigned],
    ],
  },
  PROG_GET_NEXT_ID: nextId,
  MAP_GET_NEXT_ID: nextId,
  BTF_GET_NEXT_ID: nextId,
  LINK_GET_NEXT_ID: nextId,
  PROG_GET_FD_BY_ID: { rows: [["prog_id", unsigned]] },
  MAP_GET_FD_BY_ID: {
    rows: [
      ["map_id", unsigned],
      ["open_flags", anyOf(OPEN_FLAG)],
    ],
  },
  BTF_GET_FD_BY_ID: {
    rows: [
      ["btf_id", unsigned],
      ["open_flags", anyOf(OPEN_FLAG)],
      ["fd_by_id_token_fd", descriptor],
    ],
  },
  LINK_GET_FD_BY_ID: { rows: [["link_id", unsigned]] },
  PROG_QUERY: {
    member: "query",
    rows: [
      target,
      ["attach_type", oneOf(ATTACH_TYPE)],
      ["query_flags", anyOf(QUERY_FLAG)],
      ["attach_flags", anyOf(ATTACH_FLAG)],
      ["prog_ids", array("prog_cnt", 4, (value) => decimal(value)), OUTPUT],
      ["prog_cnt", inOut(unsigned)],
      ["prog_attach_flags", array("prog_cnt", 4, attachFlags), OUTPUT],
      ["link_ids", array("prog_cnt", 4, (value) => decimal(value)), OUTPUT],
      ["link_attach_flags", array("prog_cnt", 4, attachFlags), OUTPUT],
      ["revision", hex, OUTPUT],
    ],
  },
  RAW_TRACEPOINT_OPEN: {
    member: "raw_tracepoint",
    rows: [
      ["name", text({ most: 128 })],
      ["prog_fd", descriptor],
      ["cookie", hex, { when: (attr) => attr.size >= attr.end("cookie") }],
    ],
  },
  BTF_LOAD: {
    rows: [
      ["btf", buffer("btf_size", "text")],
      ["btf_log_buf", pointer],
      ["btf_size", unsigned],
      ["btf_log_size", unsigned],
      ["btf_log_level", unsigned],
      ["btf_log_true_size", unsigned, OUTPUT],
      ["btf_flags", anyOf(FILE_FLAG), OUTPUT],
      ["btf_token_fd", descriptor, OUTPUT],
    ],
  },
  TASK_FD_QUERY: {
    member: "task_fd_query",
    rows: [
      ["pid", signed],
      ["fd", descriptor],
      ["flags", unsigned],
      ["buf_len", inOut(unsigned)],
      ["buf", text({ size: "buf_len" }), OUTPUT],
      ["prog_id", unsigned, OUTPUT],
      ["fd_type", oneOf(FD_TYPE), OUTPUT],
      ["probe_offset", hex, OUTPUT],
      ["probe_addr", hex, OUTPUT],
    ],
  },
  MAP_LOOKUP_BATCH: batch("in_batch", "out_batch", "keys", "values"),
  MAP_LOOKUP_AND_DELETE_BATCH: batch("in_batch", "out_batch", "keys", "values"),
  MAP_UPDATE_BATCH: batch("keys", "values"),
  MAP_DELETE_BATCH: batch("keys"),
  LINK_CREATE: {
    member: "link_create",
    rows: [
      ["prog_fd", descriptor],
      target,
      ["attach_type", oneOf(ATTACH_TYPE)],
      ["flags", anyOf(ATTACH_FLAG)],
    ],
    choice: linkTarget,
  },
  LINK_UPDATE: {
    member: "link_update",
    rows: [
      ["link_fd", descriptor],
      ["new_prog_fd", descriptor],
      ["flags", anyOf(ATTACH_FLAG)],
      ["old_prog_fd", descriptor, { when: (attr) => (attr.u32("flags") & BPF_ATTACH_FLAG.REPLACE) !== 0 }],
    ],
  },
  ENABLE_STATS: { member: "enable_stats", rows: [["type", oneOf(STATS_TYPE)]] },
  ITER_CREATE: {
    member: "iter_create",
    rows: [
      ["link_fd", descriptor],
      ["flags", hex],
    ],
  },
  LINK_DETACH: { member: "link_detach", rows: [["link_fd", descriptor]] },
  PROG_BIND_MAP: {
    member: "prog_bind_map",
    rows: [
      ["prog_fd", descriptor],
      ["map_fd", descriptor],
      ["flags", hex],
    ],
  },
  TOKEN_CREATE: {
    member: "token_create",
    rows: [
      ["flags", hex],
      ["bpffs_fd", descriptor],
    ],
  },
  PROG_STREAM_READ_BY_FD: {
    member: "prog_stream_read",
    rows: [
      ["stream_buf", buffer("stream_buf_len", "text"), OUTPUT],
      ["stream_buf_len", unsigned],
      ["stream_id", unsigned],
      ["prog_fd", descriptor],
    ],
  },
  PROG_ASSOC_STRUCT_OPS: {
    member: "prog_assoc_struct_ops",
    rows: [
      ["map_fd", descriptor],
      ["prog_fd", descriptor],
      ["flags", hex],
    ],
  },
};

function numaNode({ attr, name: field }: FieldContext): Value {
  const node = attr.u32(field);
  return node === 0xffff_ffff
    ? { kind: "commented", value: decimal(node), comment: "NUMA_NO_NODE" }
    : decimal(node);
}

/** The union of LINK_CREATE, by attach type. */
interface LinkTarget {
  readonly member?: string;
  readonly rows: readonly Row[];
  /** Last field that is thereby known. */
  readonly last: string;
  readonly when?: (attr: StructView) => boolean;
}

const cgroupHook = (attr: StructView): boolean => {
  const hook = Object.entries(BPF_ATTACH_TYPE).find(([, value]) => value === attr.u32("attach_type"))?.[0];
  return hook?.startsWith("CGROUP_") === true && hook !== "CGROUP_ITER";
};
const isOneOf =
  (...types: readonly (keyof typeof BPF_ATTACH_TYPE)[]) =>
  (attr: StructView): boolean =>
    types.some((type) => BPF_ATTACH_TYPE[type] === attr.u32("attach_type"));
const ordered = (attr: StructView): boolean =>
  (attr.u32("flags") & (BPF_ATTACH_FLAG.BEFORE | BPF_ATTACH_FLAG.AFTER)) !== 0;
const multi = (count: string, element: (value: bigint, context: FieldContext) => Value): Format =>
  array(count, 8, element);

const LINK_TARGETS: readonly (LinkTarget & { readonly of: (attr: StructView) => boolean })[] = [
  {
    of: (attr) => cgroupHook(attr) && ordered(attr),
    member: "cgroup",
    rows: [relative("cgroup.relative_fd", "flags"), ["cgroup.expected_revision", hex]],
    last: "cgroup.expected_revision",
  },
  {
    of: cgroupHook,
    rows: [["target_btf_id", unsigned, { when: (attr) => attr.u32("target_btf_id") !== 0 }]],
    last: "target_btf_id",
  },
  {
    of: isOneOf("TRACE_ITER"),
    rows: [
      ["iter_info", iterInfo],
      ["iter_info_len", unsigned, { always: true }],
    ],
    last: "iter_info_len",
  },
  {
    of: isOneOf("PERF_EVENT"),
    member: "perf_event",
    rows: [["perf_event.bpf_cookie", hex]],
    last: "perf_event.bpf_cookie",
  },
  {
    of: isOneOf("TRACE_FENTRY", "TRACE_FEXIT", "MODIFY_RETURN", "LSM_MAC"),
    member: "tracing",
    rows: [
      ["tracing.target_btf_id", unsigned],
      ["tracing.cookie", hex, { always: true }],
    ],
    last: "tracing.cookie",
  },
  {
    of: isOneOf("NETFILTER"),
    member: "netfilter",
    rows: [
      ["netfilter.pf", unsigned],
      ["netfilter.hooknum", unsigned, { always: true }],
      ["netfilter.priority", signed, { always: true }],
      ["netfilter.flags", anyOf(NETFILTER_FLAG), { always: true }],
    ],
    last: "netfilter.flags",
  },
  ...(["tcx", "netkit"] as const).map((member) => ({
    of: member === "tcx" ? isOneOf("TCX_INGRESS", "TCX_EGRESS") : isOneOf("NETKIT_PRIMARY", "NETKIT_PEER"),
    member,
    rows: [
      relative(`${member}.relative_fd`, "flags"),
      [`${member}.expected_revision`, hex, { always: true }] as const,
    ],
    last: `${member}.expected_revision`,
  })),
  {
    of: isOneOf("TRACE_KPROBE_MULTI"),
    member: "kprobe_multi",
    rows: [
      ["kprobe_multi.flags", anyOf(KPROBE_MULTI_FLAG)],
      ["kprobe_multi.cnt", unsigned, { always: true }],
      ["kprobe_multi.syms", multi("kprobe_multi.cnt", stringElement), { always: true }],
      ["kprobe_multi.addrs", multi("kprobe_multi.cnt", hexElement), { always: true }],
      ["kprobe_multi.cookies", multi("kprobe_multi.cnt", hexElement), { always: true }],
    ],
    last: "kprobe_multi.cookies",
  },
  {
    of: isOneOf("TRACE_UPROBE_MULTI"),
    member: "uprobe_multi",
    rows: [
      ["uprobe_multi.path", text("path")],
      ["uprobe_multi.offsets", multi("uprobe_multi.cnt", hexElement), { always: true }],
      ["uprobe_multi.ref_ctr_offsets", multi("uprobe_multi.cnt", hexElement), { always: true }],
      ["uprobe_multi.cookies", multi("uprobe_multi.cnt", hexElement), { always: true }],
      ["uprobe_multi.cnt", unsigned, { always: true }],
      ["uprobe_multi.flags", anyOf(UPROBE_MULTI_FLAG), { always: true }],
      ["uprobe_multi.pid", unsigned, { always: true }],
      ["uprobe_multi.path_fd", descriptor],
    ],
    last: "uprobe_multi.path_fd",
  },
];

function linkTarget(context: Omit<FieldContext, "name">): {
  readonly fields: readonly Field[];
  readonly end: number;
} {
  const { attr } = context;
  if (!attr.has("target_btf_id")) return { fields: [], end: attr.end("flags") };
  const found = LINK_TARGETS.find(({ of }) => of(attr));
  if (!found) return { fields: [], end: attr.end("flags") };
  const fields = structFields(found.rows, context);
  return {
    fields: found.member === undefined ? fields : [group(found.member, fields)],
    end: attr.end(found.last),
  };
}

/** union bpf_iter_link_info[]; the first word is the map's descriptor. */
function iterInfo({ attr, name: field, view, detail }: FieldContext): Value {
  return arrayValue(attr.u64(field), attr.u32("iter_info_len"), 4, view, (bytes) =>
    struct([
      group("map", [{ name: "map_fd", value: descriptorValue(bytes.getInt32(0, true), view, detail) }]),
    ]),
  );
}
