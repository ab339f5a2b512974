import type { Btf } from "../btf/index.ts";
import { BtfError, parseBtf } from "../btf/index.ts";
import { typedText } from "../bpftool/index.ts";
import { decode, disassemble, LDIMM64, PSEUDO } from "../isa/index.ts";
import { readVerifierLog } from "../loader/index.ts";
import { BPF_ATTR, BPF_LINK_TYPE, BPF_MAP_TYPE, nameOf, STRUCT } from "../uapi/index.ts";
import type { BpfCommandName, StructLayout } from "../uapi/index.ts";
import { alignUp } from "../util/index.ts";
import { bpfCommand } from "./bpf-call.ts";
import { StructView } from "./fields.ts";
import type { KernelObjects, KnownMap } from "./kernel-objects.ts";
import type { ProcessView } from "./process-view.ts";
import type { Call } from "./session.ts";

/** Log, data and element bytes shown of one call. */
const LONGEST_LOG = 64 * 1024;
const LONGEST_DATA = 256;
const MOST_ELEMENTS = 8;
const MOST_INSNS = 1_000_000;

/** What a call's line does not show, as lines. */
export type Explanation = readonly string[];

interface Seen {
  readonly call: Call;
  readonly attr: StructView;
  readonly view: ProcessView;
  readonly objects: KernelObjects;
}

/** `entry`: before the call is made; `exit`: when it has succeeded; `failure`: when it has not. */
interface Explainer {
  readonly entry?: (seen: Seen) => Explanation;
  readonly exit?: (seen: Seen) => Explanation;
  readonly failure?: (seen: Seen) => Explanation;
}

const EXPLAINERS: Readonly<Partial<Record<BpfCommandName, Explainer>>> = {
  PROG_LOAD: {
    entry: program,
    exit: (seen) => log(seen, "log_buf", "log_size"),
    failure: (seen) => log(seen, "log_buf", "log_size"),
  },
  BTF_LOAD: {
    entry: types,
    failure: (seen) => log(seen, "btf_log_buf", "btf_log_size"),
  },
  MAP_UPDATE_ELEM: { entry: (seen) => element(seen, "key", "value") },
  MAP_LOOKUP_ELEM: { entry: (seen) => element(seen, "key"), exit: (seen) => element(seen, "value") },
  MAP_LOOKUP_AND_DELETE_ELEM: {
    entry: (seen) => element(seen, "key"),
    exit: (seen) => element(seen, "value"),
  },
  MAP_DELETE_ELEM: { entry: (seen) => element(seen, "key") },
  MAP_GET_NEXT_KEY: { entry: (seen) => element(seen, "key"), exit: (seen) => element(seen, "next_key") },
  MAP_UPDATE_BATCH: { entry: batch },
  MAP_DELETE_BATCH: { entry: batch },
  MAP_LOOKUP_BATCH: { exit: batch },
  MAP_LOOKUP_AND_DELETE_BATCH: { exit: batch },
  PROG_TEST_RUN: { entry: (seen) => data(seen, "data_in", "data_size_in"), exit: testRun },
  OBJ_GET_INFO_BY_FD: { exit: info },
};

/**
 * Tells what a call means beyond its line. `entry` is asked when the call is made, since its buffers may be reused by
 * its end; the answer of `exit` follows it.
 */
export class CallExplainer {
  readonly #objects: KernelObjects;
  readonly #begun = new Map<number, Explanation>();

  constructor(objects: KernelObjects) {
    this.#objects = objects;
  }

  entry(call: Call): void {
    this.#begun.set(
      call.pid,
      this.#explain(call, (explainer) => explainer.entry),
    );
  }

  exit(call: Call): Explanation {
    const begun = this.#begun.get(call.pid) ?? [];
    this.#begun.delete(call.pid);
    const failed = call.result?.failed === true;
    return [
      ...begun,
      ...this.#explain(call, (explainer) => (failed ? explainer.failure : explainer.exit)),
      ...commonLog(call),
    ];
  }

  #explain(
    call: Call,
    choose: (explainer: Explainer) => ((seen: Seen) => Explanation) | undefined,
  ): Explanation {
    const command = call.name === "bpf" ? bpfCommand(call.raw) : undefined;
    const row = command && EXPLAINERS[command];
    const explain = row && choose(row);
    if (!command || !explain) return [];
    const attr = attrOf(call, command);
    return attr ? explain({ call, attr, view: call.view, objects: this.#objects }) : [];
  }
}

function attrOf({ raw, view }: Call, command: BpfCommandName): StructView | undefined {
  const size = Math.min(Number(BigInt.asUintN(32, raw[2]!)), 4096);
  const bytes = view.read(raw[1]!, size);
  return bytes.length < size ? undefined : new StructView(bytes, size, BPF_ATTR[command]);
}

/** The log of the five-argument form: struct bpf_common_attr. */
function commonLog({ raw, view }: Call): Explanation {
  if ((Number(BigInt.asUintN(32, raw[0]!)) & 0x1_0000) === 0) return [];
  const { size } = STRUCT.bpf_common_attr;
  const bytes = view.read(raw[3]!, size);
  if (bytes.length < size) return [];
  const attr = new StructView(bytes, size, STRUCT.bpf_common_attr);
  return textLines(view, attr.u64("log_buf"), attr.u32("log_size"));
}

function log({ attr, view }: Seen, buffer: string, size: string): Explanation {
  if (!attr.has(buffer)) return [];
  const lines = textLines(view, attr.u64(buffer), attr.u32(size));
  const { reason } = readVerifierLog(lines.join("\n"));
  return lines.length > 1 && reason !== "" ? [`verdict: ${reason}`, ...lines] : lines;
}

function textLines(view: ProcessView, address: bigint, size: number): string[] {
  if (address === 0n || size === 0) return [];
  const bytes = view.read(address, Math.min(size, LONGEST_LOG));
  const end = bytes.indexOf(0);
  const text = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
  return text.split("\n").filter((line) => line !== "");
}

/** Instructions with the names of helpers and maps, and the source lines that they come from. */
function program({ attr, view, objects }: Seen): Explanation {
  const count = Math.min(attr.u32("insn_cnt"), MOST_INSNS);
  const bytes = view.read(attr.u64("insns"), count * 8);
  const insns = decode(bytes.subarray(0, bytes.length - (bytes.length % 8)));
  const btf = attr.has("prog_btf_fd") ? objects.btfOf(view.pid, attr.u32("prog_btf_fd")) : undefined;
  const lines = btf ? sourceLines(attr, view, btf) : new Map<number, string>();
  const out: string[] = [];
  const resolver = {
    immediate64: (insn: (typeof insns)[number], value: bigint) => {
      if (insn.code !== LDIMM64 || (insn.src !== PSEUDO.MAP_FD && insn.src !== PSEUDO.MAP_VALUE))
        return undefined;
      const fd = Number(BigInt.asIntN(32, value));
      const name = mapName(objects.map(view.pid, fd), fd);
      return insn.src === PSEUDO.MAP_FD ? name : `${name}[0]+${Number(BigInt.asUintN(64, value) >> 32n)}`;
    },
  };
  for (const { slot, text } of disassemble(insns, resolver)) {
    const source = lines.get(slot);
    if (source !== undefined) out.push(`; ${source}`);
    out.push(`${String(slot).padStart(4)}: ${text}`);
  }
  return out;
}

function mapName(map: KnownMap | undefined, fd: number): string {
  if (!map) return `map[fd:${fd}]`;
  const name = map.info?.name ?? "";
  return name === "" ? `map[id:${map.id}]` : `map[${name}]`;
}

function sourceLines(attr: StructView, view: ProcessView, btf: Btf): Map<number, string> {
  const lines = new Map<number, string>();
  const size = attr.u32("line_info_rec_size");
  const count = attr.u32("line_info_cnt");
  if (size < STRUCT.bpf_line_info.size || size > 256 || count > MOST_INSNS) return lines;
  const bytes = view.read(attr.u64("line_info"), size * count);
  let previous = "";
  for (let at = 0; at + size <= bytes.length; at += size) {
    const line = new StructView(bytes.subarray(at, at + size), size, STRUCT.bpf_line_info);
    const text = orUndefined(() => btf.string(line.u32("line_off")))?.trim() ?? "";
    const number = line.u32("line_col") >>> 10;
    const whole = number === 0 ? text : `${text} // line ${number}`;
    if (text !== "" && whole !== previous) lines.set(line.u32("insn_off"), whole);
    previous = whole;
  }
  return lines;
}

/** How many types, and the names of those that a program's author gave. */
function types({ attr, view }: Seen): Explanation {
  const bytes = view.read(attr.u64("btf"), attr.u32("btf_size"));
  return (
    orUndefined(() => {
      const btf = parseBtf(bytes);
      const names: string[] = [];
      for (let id = 1; id < btf.typeCount && names.length < MOST_ELEMENTS; id++)
        if (btf.name(id) !== "") names.push(btf.name(id));
      const more = names.length === MOST_ELEMENTS ? ", ..." : "";
      return [`${btf.typeCount - 1} types: ${names.join(", ")}${more}`];
    }) ?? []
  );
}

/** Hostile BTF is the process's, not ours. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BtfError) return undefined;
    throw error;
  }
}

/** Map types whose user-space value holds one element a CPU. */
const PER_CPU: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.PERCPU_HASH,
  BPF_MAP_TYPE.PERCPU_ARRAY,
  BPF_MAP_TYPE.LRU_PERCPU_HASH,
]);

function element(
  { attr, view, objects }: Seen,
  ...fields: readonly ("key" | "value" | "next_key")[]
): Explanation {
  const fd = attr.u32("map_fd") | 0;
  const map = objects.map(view.pid, fd);
  if (!map) return [];
  const name = mapName(map, fd);
  return fields.flatMap((field) => {
    const address = attr.u64(field);
    if (address === 0n) return [];
    return [`${name} ${field}: ${elementText(map, field === "value" ? "value" : "key", address, view)}`];
  });
}

function elementText(map: KnownMap, part: "key" | "value", address: bigint, view: ProcessView): string {
  const size = part === "key" ? map.keySize : map.valueSize;
  const bytes = view.read(address, size);
  if (bytes.length < size) return "not in memory";
  const cpu = part === "value" && PER_CPU.has(map.type) ? " (CPU 0)" : "";
  return typedOrHex(map, part, bytes) + cpu;
}

function typedOrHex(map: KnownMap, part: "key" | "value", bytes: Uint8Array): string {
  const type = part === "key" ? map.info?.btfKeyTypeId : map.info?.btfValueTypeId;
  const { btf } = map;
  const typed =
    btf && type !== undefined && type !== 0 ? orUndefined(() => typedText(btf, type, bytes)) : undefined;
  return typed ?? hexText(bytes);
}

function batch({ attr, view, objects }: Seen): Explanation {
  const fd = attr.u32("map_fd") | 0;
  const map = objects.map(view.pid, fd);
  if (!map) return [];
  const count = attr.u32("count");
  const lines: string[] = [];
  const valueStride = alignUp(map.valueSize, PER_CPU.has(map.type) ? 8 : 1);
  for (let index = 0; index < Math.min(count, MOST_ELEMENTS); index++) {
    const key = elementText(map, "key", attr.u64("keys") + BigInt(index * map.keySize), view);
    const values = attr.u64("values");
    const value =
      values === 0n || PER_CPU.has(map.type)
        ? ""
        : ` value: ${elementText(map, "value", values + BigInt(index * valueStride), view)}`;
    lines.push(`${mapName(map, fd)} key: ${key}${value}`);
  }
  return count > MOST_ELEMENTS ? [...lines, `... ${count - MOST_ELEMENTS} more`] : lines;
}

function testRun(seen: Seen): Explanation {
  const { attr } = seen;
  const signed = attr.u32("retval") | 0;
  return [
    `retval: ${attr.u32("retval")}${signed < 0 ? ` (${signed})` : ""}, duration: ${attr.u32("duration")} ns`,
    ...data(seen, "data_out", "data_size_out"),
    ...data(seen, "ctx_out", "ctx_size_out"),
  ];
}

function data({ attr, view }: Seen, buffer: string, size: string): Explanation {
  if (!attr.has(buffer) || attr.u64(buffer) === 0n || attr.u32(size) === 0) return [];
  const bytes = view.read(attr.u64(buffer), Math.min(attr.u32(size), LONGEST_DATA));
  const more = attr.u32(size) > LONGEST_DATA ? ` ... (${attr.u32(size)} bytes)` : "";
  return bytes.length === 0 ? [] : [`${buffer}: ${hexText(bytes)}${more}`];
}

function hexText(bytes: Uint8Array): string {
  return [...bytes.subarray(0, LONGEST_DATA)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Infos of every kind, by what the descriptor is of. Zero says nothing, and is left out. */
const INFOS: Readonly<Record<string, StructLayout>> = {
  "anon_inode:btf": STRUCT.bpf_btf_info,
  "anon_inode:bpf_link": STRUCT.bpf_link_info,
  "anon_inode:bpf-map": STRUCT.bpf_map_info,
  "anon_inode:bpf-prog": STRUCT.bpf_prog_info,
};

function info({ attr, view }: Seen): Explanation {
  const kind = view.descriptor(attr.u32("bpf_fd") | 0) ?? "";
  const layout = INFOS[kind.replace(/^anon_inode:bpf-link$/, "anon_inode:bpf_link")];
  const size = Math.min(attr.u32("info_len"), 4096);
  const bytes = layout ? view.read(attr.u64("info"), size) : new Uint8Array(0);
  if (!layout || bytes.length < size) return [];
  const struct = new StructView(bytes, size, layout);
  const link = layout === STRUCT.bpf_link_info ? nameOf(BPF_LINK_TYPE, struct.u32("type")) : undefined;
  const fields = Object.entries(layout.fields).flatMap(([name, field]) => {
    const member = name.includes(".") ? name.slice(0, name.indexOf(".")) : undefined;
    if (field.offset >= size || (member !== undefined && member !== link?.toLowerCase())) return [];
    if (field.kind === "bytes") {
      const text = struct.slice(name);
      const end = text.indexOf(0);
      return text[0] === 0
        ? []
        : [
            `${name}=${name === "tag" ? hexText(text) : Buffer.from(text.subarray(0, end < 0 ? text.length : end)).toString()}`,
          ];
    }
    const value = struct.u64(name);
    if (value === 0n) return [];
    if (field.kind === "pointer") {
      const text = name.endsWith("name") ? textLines(view, value, 256)[0] : undefined;
      return text === undefined ? [] : [`${name}="${text}"`];
    }
    return [`${name}=${name === "type" && link !== undefined ? `BPF_LINK_TYPE_${link}` : value}`];
  });
  return [`info: ${fields.join(", ")}`];
}
