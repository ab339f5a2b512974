#!/usr/bin/env node
// Writes src/uapi/generated/ from the BTF of a kernel.
//
//   node scripts/generate-uapi.mjs --btf FILE          raw BTF, such as /sys/kernel/btf/vmlinux
//   node scripts/generate-uapi.mjs --btf FILE --check  compare only; exit code 1 on a difference
//
// The files in the repository come from the newest kernel the project supports, since the ABI only
// grows. The checked difference is therefore meaningful only against that kernel's BTF.
import { readFileSync, writeFileSync } from "node:fs";

/** Constants from named enums, or from all enum members with a prefix. `strip` is cut off the C names. */
const CONSTANTS = [
  { name: "BPF_CMD", doc: "enum bpf_cmd", enum: "bpf_cmd", strip: "BPF_", drop: /^BPF_COMMON_ATTRS$/ },
  { name: "BPF_MAP_TYPE", doc: "enum bpf_map_type", enum: "bpf_map_type", strip: "BPF_MAP_TYPE_" },
  { name: "BPF_PROG_TYPE", doc: "enum bpf_prog_type", enum: "bpf_prog_type", strip: "BPF_PROG_TYPE_" },
  { name: "BPF_ATTACH_TYPE", doc: "enum bpf_attach_type", enum: "bpf_attach_type", strip: "BPF_" },
  { name: "BPF_LINK_TYPE", doc: "enum bpf_link_type", enum: "bpf_link_type", strip: "BPF_LINK_TYPE_" },
  { name: "BPF_FUNC", doc: "enum bpf_func_id: helper ids by name", enum: "bpf_func_id", strip: "BPF_FUNC_" },
  { name: "BPF_CORE", doc: "enum bpf_core_relo_kind", enum: "bpf_core_relo_kind", strip: "BPF_CORE_" },
  { name: "BPF_STATS", doc: "enum bpf_stats_type", enum: "bpf_stats_type", strip: "BPF_STATS_" },
  { name: "BPF_FD_TYPE", doc: "enum bpf_task_fd_type", enum: "bpf_task_fd_type", strip: "BPF_FD_TYPE_" },
  {
    name: "BPF_PERF_EVENT",
    doc: "enum bpf_perf_event_type",
    enum: "bpf_perf_event_type",
    strip: "BPF_PERF_EVENT_",
  },
  {
    name: "BPF_CGROUP_ITER",
    doc: "enum bpf_cgroup_iter_order",
    enum: "bpf_cgroup_iter_order",
    strip: "BPF_CGROUP_ITER_",
  },
  { name: "BPF_STREAM", doc: "enum bpf_stream_id", enum: "bpf_stream_id", strip: "BPF_" },
  { name: "BPF_F", doc: "Flags of commands, maps, links and helpers", prefix: "BPF_F_" },
  { name: "BPF_RB", doc: "bpf_ringbuf_* flags and queries", prefix: "BPF_RB_", drop: /_(NODE|ROOT)$/ },
  { name: "BPF_RINGBUF", doc: "Bits of a ring buffer record's header", prefix: "BPF_RINGBUF_" },
  { name: "BPF_FIB_LKUP_RET", doc: "Results of bpf_fib_lookup", prefix: "BPF_FIB_LKUP_RET_" },
  { name: "XDP", doc: "enum xdp_action", enum: "xdp_action", strip: "XDP_" },
  { name: "PERF_TYPE", doc: "enum perf_type_id", enum: "perf_type_id", strip: "PERF_TYPE_" },
  { name: "PERF_COUNT_HW", doc: "enum perf_hw_id", enum: "perf_hw_id", strip: "PERF_COUNT_HW_" },
  { name: "PERF_COUNT_SW", doc: "enum perf_sw_ids", enum: "perf_sw_ids", strip: "PERF_COUNT_SW_" },
  {
    name: "PERF_COUNT_HW_CACHE",
    doc: "enum perf_hw_cache_id",
    enum: "perf_hw_cache_id",
    strip: "PERF_COUNT_HW_CACHE_",
  },
  {
    name: "PERF_COUNT_HW_CACHE_OP",
    doc: "enum perf_hw_cache_op_id",
    enum: "perf_hw_cache_op_id",
    strip: "PERF_COUNT_HW_CACHE_OP_",
  },
  {
    name: "PERF_COUNT_HW_CACHE_RESULT",
    doc: "enum perf_hw_cache_op_result_id",
    enum: "perf_hw_cache_op_result_id",
    strip: "PERF_COUNT_HW_CACHE_RESULT_",
  },
  {
    name: "PERF_SAMPLE",
    doc: "enum perf_event_sample_format",
    enum: "perf_event_sample_format",
    strip: "PERF_SAMPLE_",
  },
  {
    name: "PERF_FORMAT",
    doc: "enum perf_event_read_format",
    enum: "perf_event_read_format",
    strip: "PERF_FORMAT_",
  },
  { name: "PERF_RECORD", doc: "enum perf_event_type", enum: "perf_event_type", strip: "PERF_RECORD_" },
];

/** union bpf_attr by command: a named member, or the nameless one that has a field of that name. */
const COMMANDS = {
  MAP_CREATE: { has: "map_type" },
  MAP_LOOKUP_ELEM: { has: "next_key" },
  MAP_UPDATE_ELEM: { has: "next_key" },
  MAP_DELETE_ELEM: { has: "next_key" },
  MAP_GET_NEXT_KEY: { has: "next_key" },
  PROG_LOAD: { has: "prog_type" },
  OBJ_PIN: { has: "pathname" },
  OBJ_GET: { has: "pathname" },
  PROG_ATTACH: { has: "attach_bpf_fd" },
  PROG_DETACH: { has: "attach_bpf_fd" },
  PROG_TEST_RUN: { member: "test" },
  PROG_GET_NEXT_ID: { has: "next_id" },
  MAP_GET_NEXT_ID: { has: "next_id" },
  PROG_GET_FD_BY_ID: { has: "next_id" },
  MAP_GET_FD_BY_ID: { has: "next_id" },
  OBJ_GET_INFO_BY_FD: { member: "info" },
  PROG_QUERY: { member: "query" },
  RAW_TRACEPOINT_OPEN: { member: "raw_tracepoint" },
  BTF_LOAD: { has: "btf" },
  BTF_GET_FD_BY_ID: { has: "next_id" },
  TASK_FD_QUERY: { member: "task_fd_query" },
  MAP_LOOKUP_AND_DELETE_ELEM: { has: "next_key" },
  MAP_FREEZE: { has: "next_key" },
  BTF_GET_NEXT_ID: { has: "next_id" },
  MAP_LOOKUP_BATCH: { member: "batch" },
  MAP_LOOKUP_AND_DELETE_BATCH: { member: "batch" },
  MAP_UPDATE_BATCH: { member: "batch" },
  MAP_DELETE_BATCH: { member: "batch" },
  LINK_CREATE: { member: "link_create" },
  LINK_UPDATE: { member: "link_update" },
  LINK_GET_FD_BY_ID: { has: "next_id" },
  LINK_GET_NEXT_ID: { has: "next_id" },
  ENABLE_STATS: { member: "enable_stats" },
  ITER_CREATE: { member: "iter_create" },
  LINK_DETACH: { member: "link_detach" },
  PROG_BIND_MAP: { member: "prog_bind_map" },
  TOKEN_CREATE: { member: "token_create" },
  PROG_STREAM_READ_BY_FD: { member: "prog_stream_read" },
  PROG_ASSOC_STRUCT_OPS: { member: "prog_assoc_struct_ops" },
};

/** Structs that cross the border, or that programs see as their context (the bpf_* and __sk_buff ones). */
const STRUCTS = [
  "bpf_common_attr",
  "bpf_prog_info",
  "bpf_map_info",
  "bpf_btf_info",
  "bpf_link_info",
  "bpf_func_info",
  "bpf_line_info",
  "bpf_core_relo",
  "bpf_raw_tracepoint_args",
  "bpf_perf_event_data",
  "bpf_perf_event_value",
  "bpf_pidns_info",
  "bpf_fib_lookup",
  "bpf_flow_keys",
  "bpf_sk_lookup",
  "bpf_sock",
  "bpf_sock_addr",
  "bpf_sock_ops",
  "bpf_sockopt",
  "bpf_sysctl",
  "bpf_tcp_sock",
  "bpf_cgroup_dev_ctx",
  "__sk_buff",
  "sk_msg_md",
  "sk_reuseport_md",
  "xdp_md",
  "pt_regs",
  "perf_event_attr",
  "perf_event_header",
  "perf_event_mmap_page",
];

/** u64 members that hold a user address; nothing in BTF tells them from other u64. */
const POINTERS = new Set(
  (
    "addrs btf btf_log_buf buf cookies core_relos ctx_in ctx_out data_in data_out excl_prog_hash fd_array " +
    "func_info hash in_batch info insns iter_info jited_func_lens jited_ksyms jited_line_info " +
    "jited_prog_insns key keys kprobe_func license line_info link_attach_flags link_ids log_buf map_ids name " +
    "next_key offsets out_batch path pathname prog_attach_flags prog_ids prog_tags ref_ctr_offsets signature " +
    "stream_buf syms target_name tp_name uprobe_path value values xlated_prog_insns func_name file_name"
  ).split(" "),
);

const KIND = { INT: 1, PTR: 2, ARRAY: 3, STRUCT: 4, UNION: 5, ENUM: 6, FWD: 7, TYPEDEF: 8, VOLATILE: 9 };
const KIND_CONST = 10;
const KIND_RESTRICT = 11;
const KIND_FUNC_PROTO = 13;
const KIND_VAR = 14;
const KIND_DATASEC = 15;
const KIND_DECL_TAG = 17;
const KIND_TYPE_TAG = 18;
const KIND_ENUM64 = 19;

/** The few things this script needs of BTF; src/btf is TypeScript and cannot run before it is built. */
function readBtf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== 0xeb9f) throw new Error("not raw little-endian BTF");
  const header = view.getUint32(4, true);
  const typesStart = header + view.getUint32(8, true);
  const typesEnd = typesStart + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  const nameAt = (offset) => {
    const start = strings + offset;
    return bytes.toString("utf8", start, bytes.indexOf(0, start));
  };
  const types = [undefined];
  for (let at = typesStart; at < typesEnd;) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    const count = info & 0xffff;
    const flag = info >>> 31;
    const type = { kind, name: nameAt(view.getUint32(at, true)), ref: view.getUint32(at + 8, true) };
    at += 12;
    if (kind === KIND.INT) {
      type.signed = ((view.getUint32(at, true) >>> 24) & 1) === 1;
      at += 4;
    } else if (kind === KIND.ARRAY) {
      type.element = view.getUint32(at, true);
      type.length = view.getUint32(at + 8, true);
      at += 12;
    } else if (kind === KIND.STRUCT || kind === KIND.UNION) {
      type.members = [];
      for (let i = 0; i < count; i++, at += 12) {
        const bits = view.getUint32(at + 8, true);
        type.members.push({
          name: nameAt(view.getUint32(at, true)),
          type: view.getUint32(at + 4, true),
          bitOffset: flag ? bits & 0xffffff : bits,
          bitWidth: flag ? bits >>> 24 : 0,
        });
      }
    } else if (kind === KIND.ENUM) {
      type.values = [];
      for (let i = 0; i < count; i++, at += 8) {
        const value = flag ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
        type.values.push([nameAt(view.getUint32(at, true)), BigInt(value)]);
      }
    } else if (kind === KIND_ENUM64) {
      type.values = [];
      for (let i = 0; i < count; i++, at += 12) {
        const value = view.getBigUint64(at + 4, true);
        type.values.push([nameAt(view.getUint32(at, true)), flag ? BigInt.asIntN(64, value) : value]);
      }
    } else if (kind === KIND_FUNC_PROTO) at += 8 * count;
    else if (kind === KIND_VAR || kind === KIND_DECL_TAG) at += 4;
    else if (kind === KIND_DATASEC) at += 12 * count;
    else if (kind > KIND_ENUM64) throw new Error(`unknown BTF kind ${kind}`);
    types.push(type);
  }
  return types;
}

function resolve(types, id) {
  let type = types[id];
  while (
    type &&
    [KIND.TYPEDEF, KIND.VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_TYPE_TAG].includes(type.kind)
  ) {
    type = types[type.ref];
  }
  return type;
}

function sizeOf(types, type) {
  if (!type) return 0;
  if (type.kind === KIND.PTR) return 8;
  if (type.kind === KIND.ARRAY) return type.length * sizeOf(types, resolve(types, type.element));
  return type.ref;
}

/** Members by path, nameless structs and unions opened, named ones joined by a dot. */
function flatten(types, type, base = 0, prefix = "") {
  const fields = {};
  for (const member of type.members) {
    const target = resolve(types, member.type);
    const bits = base * 8 + member.bitOffset;
    const path = prefix + member.name;
    if (target.members) {
      Object.assign(fields, flatten(types, target, bits / 8, member.name ? `${path}.` : prefix));
    } else if (member.bitWidth) {
      fields[path] = {
        offset: Math.floor(bits / 64) * 8,
        size: 8,
        kind: "bits",
        bit: bits % 64,
        width: member.bitWidth,
      };
    } else if (member.name) {
      const size = sizeOf(types, target);
      const kind =
        target.kind === KIND.ARRAY
          ? "bytes"
          : target.kind === KIND.PTR || (size === 8 && POINTERS.has(member.name))
            ? "pointer"
            : `${target.signed ? "s" : "u"}${size * 8}`;
      fields[path] = { offset: bits / 8, size, kind };
    }
  }
  return fields;
}

function findNamed(types, name, kinds) {
  return types.find((type) => type && type.name === name && kinds.includes(type.kind));
}

function attrOf(types, attr, selector) {
  const direct = attr.members.map((member) => ({ member, target: resolve(types, member.type) }));
  const found = selector.member
    ? direct.find(({ member }) => member.name === selector.member)
    : direct.find(({ member, target }) => !member.name && selector.has in flatten(types, target));
  return found?.target;
}

const HEADER = "// Generated by scripts/generate-uapi.mjs from a kernel's BTF. Do not edit.\n";

function printConstants(types) {
  const enums = types.filter((type) => type?.values);
  const everything = new Map(enums.flatMap((type) => type.values));
  let out = HEADER;
  for (const row of CONSTANTS) {
    const values = row.enum
      ? (enums.find((type) => type.name === row.enum)?.values ?? [])
      : [...everything]
          .filter(([name]) => name.startsWith(row.prefix))
          .sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const strip = row.strip ?? row.prefix;
    const lines = values
      .filter(([name]) => !name.startsWith("__MAX") && !/(_MAX|_MAX_ID)$/.test(name) && !row.drop?.test(name))
      .map(([name, value]) => {
        const key = name.startsWith(strip) ? name.slice(strip.length) : name;
        const safe = value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER);
        return `  ${/^\d/.test(key) ? `"${key}"` : key}: ${value}${safe ? "" : "n"},\n`;
      });
    if (lines.length === 0) throw new Error(`this BTF has no ${row.enum ?? row.prefix}`);
    out += `\n/** ${row.doc}. */\nexport const ${row.name} = {\n${lines.join("")}} as const;\n`;
  }
  return out;
}

function printLayout(types, type) {
  const lines = Object.entries(flatten(types, type)).map(([path, field]) => {
    const bits = field.kind === "bits" ? `, bit: ${field.bit}, width: ${field.width}` : "";
    const key = path.includes(".") ? `"${path}"` : path;
    return `      ${key}: { offset: ${field.offset}, size: ${field.size}, kind: "${field.kind}"${bits} },\n`;
  });
  return `{\n    size: ${type.ref},\n    fields: {\n${lines.join("")}    },\n  }`;
}

function printLayouts(types) {
  const attr = findNamed(types, "bpf_attr", [KIND.UNION]);
  const seen = new Map();
  const shared = [];
  const rows = Object.entries(COMMANDS).map(([command, selector]) => {
    const type = attrOf(types, attr, selector);
    if (!type) throw new Error(`this BTF's bpf_attr has no member for ${command}`);
    if (!seen.has(type)) {
      seen.set(type, `ATTR_${command}`);
      shared.push(`export const ATTR_${command} = ${printLayout(types, type)} as const;\n`);
    }
    return { command, constant: seen.get(type) };
  });
  const members = rows.map((row) => `  readonly ${row.command}: typeof ${row.constant};\n`).join("");
  const values = rows.map((row) => `  ${row.command}: ${row.constant},\n`).join("");
  let out = `${HEADER}\n${shared.join("\n")}\n/** union bpf_attr: the layout that each command reads. */\nexport const BPF_ATTR: {\n${members}} = {\n${values}};\n`;
  out += `\n/** Size of union bpf_attr, bytes. */\nexport const BPF_ATTR_SIZE = ${attr.ref};\n`;
  out +=
    "\n/** Structs that cross the border between kernel and user space, and the contexts of programs. */\nexport const STRUCT = {\n";
  for (const name of STRUCTS) {
    const type = findNamed(types, name, [KIND.STRUCT]);
    if (!type) throw new Error(`this BTF has no struct ${name}`);
    out += `  ${name}: ${printLayout(types, type)},\n`;
  }
  return `${out}} as const;\n`;
}

function main(argv) {
  const at = argv.indexOf("--btf");
  const path = at < 0 ? undefined : argv[at + 1];
  if (!path && argv.includes("--check")) {
    console.log("skipped: no --btf FILE to compare with");
    return 0;
  }
  if (!path) {
    console.error("usage: generate-uapi.mjs --btf FILE [--check]");
    return 2;
  }
  const types = readBtf(readFileSync(path));
  const files = { "constants.ts": printConstants(types), "layouts.ts": printLayouts(types) };
  let status = 0;
  for (const [name, text] of Object.entries(files)) {
    const url = new URL(`../src/uapi/generated/${name}`, import.meta.url);
    if (!argv.includes("--check")) writeFileSync(url, text);
    else if (readFileSync(url, "utf8") !== text) {
      console.error(
        `src/uapi/generated/${name} differs from what ${path} gives: run this script without --check`,
      );
      status = 1;
    }
  }
  return status;
}

process.exitCode = main(process.argv.slice(2));
