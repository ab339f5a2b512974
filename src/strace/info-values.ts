import { STRUCT } from "../uapi/index.ts";
import {
  anyOf,
  array,
  buffer,
  device,
  hex,
  hexBytes,
  name,
  networkInterface,
  oneOf,
  pointer,
  StructView,
  structFields,
  unsigned,
} from "./fields.ts";
import type { FieldContext, Format, Row } from "./fields.ts";
import { insnsValue } from "./insn-value.ts";
import { MAP_FLAG, MAP_TYPE, PROG_TYPE } from "./names.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import { changed, decimal, struct } from "./value.ts";
import type { Value } from "./value.ts";

// What OBJ_GET_INFO_BY_FD answers, by what the descriptor is of. `before` is the caller's request, which says
// how much room there is; the kernel says how much there would be.

interface InfoContext extends FieldContext {
  readonly before: StructView;
}

type InfoRow = readonly [name: string, format: (context: InfoContext) => Value];

/** The caller's value, and the kernel's where it differs. */
function both(format: Format): (context: InfoContext) => Value {
  return (context) => changed(format({ ...context, attr: context.before }), format(context));
}

/** As many as both fit and exist. */
function fewest({ before, attr }: InfoContext, count: string): number {
  return Math.min(before.u32(count), attr.u32(count));
}

const xlated = (context: InfoContext): Value =>
  insnsValue(
    context.attr.u64("xlated_prog_insns"),
    Math.floor(fewest(context, "xlated_prog_len") / 8),
    context.view,
    context.detail,
  );

const loadTime: Format = ({ attr, name: field }) => {
  const time = attr.u64(field);
  return { kind: "commented", value: decimal(time), comment: bootTimeText(time) };
};

/** Local time of a time since boot, about. */
function bootTimeText(nanoseconds: bigint): string {
  const sinceBoot = Number(process.hrtime.bigint()) / 1e6;
  const date = new Date(Date.now() - sinceBoot + Number(nanoseconds) / 1e6);
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.abs(offset) / 60)}${two(Math.abs(offset) % 60)}`;
  const local = new Date(date.getTime() + offset * 60_000);
  return local.toISOString().replace(/\.\d+Z$/, zone);
}

function two(value: number): string {
  return String(Math.floor(value)).padStart(2, "0");
}

const signedId: Format = ({ attr, name: field }) => decimal(attr.u32(field) | 0);

const programRows: readonly InfoRow[] = [
  ["type", oneOf(PROG_TYPE)],
  ["id", unsigned],
  ["tag", hexBytes],
  ["jited_prog_len", both(unsigned)],
  ["jited_prog_insns", buffer("jited_prog_len", "hex")],
  ["xlated_prog_len", both(unsigned)],
  ["xlated_prog_insns", xlated],
  ["load_time", loadTime],
  ["created_by_uid", signedId],
  ["nr_map_ids", both(unsigned)],
  [
    "map_ids",
    (context) =>
      array("nr_map_ids", 4, (value) => decimal(value))({
        ...context,
        attr: fewest(context, "nr_map_ids") < context.attr.u32("nr_map_ids") ? context.before : context.attr,
      }),
  ],
  ["name", name],
  ["ifindex", networkInterface],
  ["gpl_compatible", unsigned],
  ["netns_dev", device],
  ["netns_ino", unsigned],
  ["nr_jited_ksyms", both(unsigned)],
  ["nr_jited_func_lens", both(unsigned)],
  ["jited_ksyms", both(pointer)],
  ["jited_func_lens", both(pointer)],
  ["btf_id", unsigned],
  ["func_info_rec_size", both(unsigned)],
  ["func_info", pointer],
  ["nr_func_info", both(unsigned)],
  ["nr_line_info", both(unsigned)],
  ["line_info", pointer],
  ["jited_line_info", both(pointer)],
  ["nr_jited_line_info", both(unsigned)],
  ["line_info_rec_size", both(unsigned)],
  ["jited_line_info_rec_size", both(unsigned)],
  ["nr_prog_tags", both(unsigned)],
  ["prog_tags", pointer],
  ["run_time_ns", unsigned],
  ["run_cnt", unsigned],
  ["recursion_misses", unsigned],
  ["verified_insns", unsigned],
  ["attach_btf_obj_id", unsigned],
  ["attach_btf_id", unsigned],
];

const mapRows: readonly InfoRow[] = [
  ["type", oneOf(MAP_TYPE)],
  ["id", unsigned],
  ["key_size", unsigned],
  ["value_size", unsigned],
  ["max_entries", unsigned],
  ["map_flags", anyOf(MAP_FLAG)],
  ["name", name],
  ["ifindex", networkInterface],
  ["btf_vmlinux_value_type_id", unsigned],
  ["netns_dev", device],
  ["netns_ino", unsigned],
  ["btf_id", unsigned],
  ["btf_key_type_id", unsigned],
  ["btf_value_type_id", unsigned],
  ["btf_vmlinux_id", unsigned],
  ["map_extra", hex],
  ["hash", hex],
  ["hash_size", unsigned],
];

/** By what /proc/PID/fd shows. strace knows these two kinds. */
const KINDS: Readonly<
  Record<
    string,
    { readonly layout: (typeof STRUCT)["bpf_prog_info" | "bpf_map_info"]; readonly rows: readonly InfoRow[] }
  >
> = {
  "anon_inode:bpf-prog": { layout: STRUCT.bpf_prog_info, rows: programRows },
  "anon_inode:bpf-map": { layout: STRUCT.bpf_map_info, rows: mapRows },
};

/** Largest struct the kernel takes: a page. */
const LARGEST = 4096;

export interface InfoRequest {
  readonly address: bigint;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly kind: string;
}

/** What the caller asks for, before it is answered; undefined where it is shown as a pointer only. */
export function infoRequest(
  view: ProcessView,
  fd: number,
  address: bigint,
  size: number,
): InfoRequest | undefined {
  const kind = view.descriptor(fd);
  if (kind === undefined || !(kind in KINDS) || size === 0 || size > LARGEST) return undefined;
  return { address, size, kind, bytes: view.read(address, size) };
}

export function infoValue(request: InfoRequest, size: number, view: ProcessView, detail: Detail): Value {
  const { layout, rows } = KINDS[request.kind]!;
  const bytes = view.read(request.address, size);
  if (size === 0 || size > LARGEST || bytes.length < size)
    return { kind: "pointer", address: request.address };
  const attr = new StructView(bytes, size, layout);
  const before = new StructView(request.bytes, request.size, layout);
  const context = { attr, view, detail, after: () => attr };
  const bound = rows.map(([field, format]): Row => [
    field,
    (inner: FieldContext) => format({ ...inner, before }),
  ]);
  return struct(structFields(bound, context));
}
