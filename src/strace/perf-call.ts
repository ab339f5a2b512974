import { PERF_EVENT_IOC, PERF_SAMPLE, PERF_TYPE, STRUCT } from "../uapi/index.ts";
import {
  anyOf,
  anyOfValue,
  arrayValue,
  descriptorValue,
  hex,
  oneOf,
  oneOfValue,
  StructView,
  structFields,
  unsigned,
} from "./fields.ts";
import type { FieldContext, Format, Row } from "./fields.ts";
import {
  CACHE,
  CACHE_OPERATION,
  CACHE_RESULT,
  CLOCK,
  EVENT_ATTR_SIZE,
  EVENT_TYPE,
  HARDWARE_EVENT,
  OPEN_EVENT_FLAG,
  READ_FORMAT,
  SAMPLE_TYPE,
  SOFTWARE_EVENT,
} from "./names.ts";
import { readText } from "./process-view.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import { decimal, hexadecimal, later, struct } from "./value.ts";
import type { Field, Value } from "./value.ts";

const PAGE = 4096;
/** PERF_ATTR_SIZE_VER0, below which the kernel takes nothing. */
const SMALLEST = 64;
const SKID = ["arbitrary skid", "constant skid", "requested to have 0 skid", "must have 0 skid"] as const;
const BREAKPOINT_TYPE = {
  prefix: "HW_BREAKPOINT_",
  values: { EMPTY: 0, R: 1, W: 2, RW: 3, X: 4 },
  unknown: "HW_BREAKPOINT_???",
} as const;
const BRANCH_TYPE = {
  prefix: "PERF_SAMPLE_BRANCH_",
  values: Object.fromEntries(
    (
      "USER KERNEL HV ANY ANY_CALL ANY_RETURN IND_CALL ABORT_TX IN_TX NO_TX COND CALL_STACK IND_JUMP CALL NO_FLAGS " +
      "NO_CYCLES TYPE_SAVE HW_INDEX PRIV_SAVE COUNTERS"
    )
      .split(" ")
      .map((flag, bit) => [flag, 1 << bit]),
  ),
  unknown: "PERF_SAMPLE_BRANCH_???",
};

const config: Format = (context) => {
  switch (context.attr.u32("type")) {
    case PERF_TYPE.HARDWARE:
      return oneOf(HARDWARE_EVENT)(context);
    case PERF_TYPE.SOFTWARE:
      return oneOf(SOFTWARE_EVENT)(context);
    case PERF_TYPE.TRACEPOINT:
      return unsigned(context);
    case PERF_TYPE.HW_CACHE:
      return { kind: "word", text: cacheText(context.attr.u64("config")) };
    default:
      return hex(context);
  }
};

function cacheText(value: bigint): string {
  const part = (names: Parameters<typeof oneOfValue>[0], shift: bigint): string => {
    const found = oneOfValue(names, (value >> shift) & 0xffn);
    return found.kind === "word" ? found.text : "";
  };
  const rest = value >> 24n;
  const more = rest === 0n ? "" : `|0x${rest.toString(16)}<<24 /* PERF_COUNT_HW_CACHE_??? */`;
  return `${part(CACHE, 0n)}|${part(CACHE_OPERATION, 8n)}<<8|${part(CACHE_RESULT, 16n)}<<16${more}`;
}

const skid: Format = ({ attr, name }) => ({
  kind: "commented",
  value: decimal(attr.u64(name)),
  comment: SKID[Number(attr.u64(name))] ?? "",
});

const isBreakpoint = (attr: StructView): boolean => attr.u32("type") === PERF_TYPE.BREAKPOINT;
const samples =
  (bit: number) =>
  (attr: StructView): boolean =>
    (attr.u64("sample_type") & BigInt(bit)) !== 0n;

const SWITCHES =
  "disabled inherit pinned exclusive exclude_user exclude_kernel exclude_hv exclude_idle mmap comm freq inherit_stat " +
  "enable_on_exec task watermark precise_ip mmap_data sample_id_all exclude_host exclude_guest " +
  "exclude_callchain_kernel exclude_callchain_user mmap2 comm_exec use_clockid context_switch write_backward " +
  "namespaces ksymbol bpf_event aux_output cgroup text_poke build_id inherit_thread remove_on_exec sigtrap";

/** Without -v: the event and what is sampled. */
const SHORT_HEAD = 6;

const attrRows: readonly Row[] = [
  ["type", oneOf(EVENT_TYPE)],
  ["size", oneOf(EVENT_ATTR_SIZE)],
  ["config", config],
  ["sample_period", unsigned, { as: (attr) => (attr.u64("freq") !== 0n ? "sample_freq" : "sample_period") }],
  ["sample_type", anyOf(SAMPLE_TYPE)],
  ["read_format", anyOf(READ_FORMAT)],
  ...SWITCHES.split(" ").map((name): Row => [name, name === "precise_ip" ? skid : unsigned]),
  [
    "wakeup_events",
    unsigned,
    { as: (attr) => (attr.u64("watermark") !== 0n ? "wakeup_watermark" : "wakeup_events") },
  ],
  ["bp_type", oneOf(BREAKPOINT_TYPE), { when: isBreakpoint }],
  ["config1", hex, { as: (attr) => (isBreakpoint(attr) ? "bp_addr" : "config1") }],
  [
    "config2",
    (context) => (isBreakpoint(context.attr) ? unsigned : hex)(context),
    { as: (attr) => (isBreakpoint(attr) ? "bp_len" : "config2") },
  ],
  ["branch_sample_type", anyOf(BRANCH_TYPE), { when: samples(PERF_SAMPLE.BRANCH_STACK) }],
  ["sample_regs_user", hex],
  ["sample_stack_user", hex, { when: samples(PERF_SAMPLE.STACK_USER) }],
  ["clockid", oneOf(CLOCK), { when: (attr) => attr.u64("use_clockid") !== 0n }],
  ["sample_regs_intr", hex],
  ["aux_watermark", unsigned],
  ["sample_max_stack", unsigned],
  ["aux_sample_size", unsigned],
  ["aux_start_paused", unsigned],
  ["aux_pause", unsigned],
  ["aux_resume", unsigned],
  ["sig_data", hex],
  ["config3", hex],
  ["config4", hex],
];

const shortRows: readonly Row[] = attrRows.filter(
  ([name], index) => index < SHORT_HEAD || name === "precise_ip",
);

/** perf_event_open(attr, pid, cpu, group_fd, flags). */
export function perfEventOpenArguments(args: BigUint64Array, view: ProcessView, detail: Detail): Value[] {
  const number = (index: number): number => Number(BigInt.asIntN(32, args[index]!));
  return [
    eventAttrValue(args[0]!, view, detail),
    decimal(number(1)),
    decimal(number(2)),
    descriptorValue(number(3), view, detail),
    anyOfValue(OPEN_EVENT_FLAG, args[4]!),
  ];
}

function eventAttrValue(address: bigint, view: ProcessView, detail: Detail): Value {
  const head = view.read(address, 8);
  if (head.length < 8) return { kind: "pointer", address };
  const given = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
  const layout = STRUCT.perf_event_attr;
  const size = Math.min(given === 0 ? SMALLEST : given, layout.size);
  const bytes = view.read(address, size);
  if (size < SMALLEST || bytes.length < size) return { kind: "pointer", address };
  const attr = new StructView(bytes, size, layout);
  const context: Omit<FieldContext, "name"> = { attr, view, detail, after: () => attr };
  const rows = detail.verbose ? attrRows : shortRows;
  const fields: Field[] = structFields(rows, context);
  // The kernel tells the size that it knows where it was given too much.
  const sizeNow = (): Value => {
    const now = view.read(address + 4n, 4);
    const value = now.length < 4 ? given : new DataView(now.buffer, now.byteOffset).getUint32(0, true);
    return oneOfValue(EVENT_ATTR_SIZE, BigInt(value));
  };
  const before = fields[1]!.value;
  fields[1] = {
    name: "size",
    value: {
      kind: "changed",
      before,
      after: later(() => {
        const after = sizeNow();
        return JSON.stringify(after) === JSON.stringify(before) ? { kind: "nothing" } : after;
      }),
    },
  };
  if (!detail.verbose || given > size) fields.push({ name: "", value: { kind: "more" } });
  // strace shows nothing of this argument before the call's end.
  return later(() => struct(fields));
}

type IoctlName = keyof typeof PERF_EVENT_IOC;

const IOCTLS: ReadonlyMap<number, IoctlName> = new Map(
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
  (Object.keys(PERF_EVENT_IOC) as IoctlName[]).map((name) => [PERF_EVENT_IOC[name], name]),
);

/** PERF_IOC_FLAG_GROUP */
const GROUP = { prefix: "PERF_IOC_FLAG_", values: { GROUP: 1 }, unknown: "PERF_IOC_FLAG_???" } as const;

/** ioctl(fd, PERF_EVENT_IOC_*, argument). */
export function ioctlArguments(args: BigUint64Array, view: ProcessView, detail: Detail): Value[] {
  const request = Number(BigInt.asUintN(32, args[1]!));
  const name = IOCTLS.get(request);
  const first = descriptorValue(Number(BigInt.asIntN(32, args[0]!)), view, detail);
  if (name === undefined)
    return [first, { kind: "word", text: `0x${request.toString(16)}` }, hexadecimal(args[2]!)];
  return [
    first,
    { kind: "word", text: `PERF_EVENT_IOC_${name}` },
    ioctlArgument(name, args[2]!, view, detail),
  ];
}

function ioctlArgument(name: IoctlName, argument: bigint, view: ProcessView, detail: Detail): Value {
  switch (name) {
    case "ENABLE":
    case "DISABLE":
    case "RESET":
      return anyOfValue(GROUP, argument);
    case "REFRESH":
      return decimal(BigInt.asIntN(32, argument));
    case "SET_OUTPUT":
    case "SET_BPF":
      return descriptorValue(Number(BigInt.asIntN(32, argument)), view, detail);
    case "PAUSE_OUTPUT":
      return decimal(argument);
    case "PERIOD":
      return numberAt(argument, view);
    case "ID":
      return later(() => numberAt(argument, view));
    case "SET_FILTER": {
      const found =
        argument === 0n ? undefined : readText(view, argument, Math.min(PAGE, detail.stringLimit));
      return found ? { kind: "bytes", style: "text", ...found } : { kind: "pointer", address: argument };
    }
    case "QUERY_BPF":
      return queryValue(argument, view);
    case "MODIFY_ATTRIBUTES":
      return eventAttrValue(argument, view, detail);
  }
}

function numberAt(address: bigint, view: ProcessView): Value {
  const bytes = view.read(address, 8);
  if (bytes.length < 8) return { kind: "pointer", address };
  const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  return { kind: "array", elements: [decimal(value)] };
}

/** struct perf_event_query_bpf: how many ids there is room for, how many there are, the ids. */
function queryValue(address: bigint, view: ProcessView): Value {
  const word = (at: bigint): number | undefined => {
    const bytes = view.read(address + at, 4);
    return bytes.length < 4 ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  };
  const room = word(0n);
  if (room === undefined) return { kind: "pointer", address };
  return struct([
    { name: "ids_len", value: decimal(room) },
    { name: "prog_cnt", value: later(() => decimal(word(4n) ?? 0)) },
    {
      name: "ids",
      value: later(() =>
        arrayValue(address + 8n, Math.min(word(4n) ?? 0, room), 4, view, (bytes) =>
          decimal(bytes.getUint32(0, true)),
        ),
      ),
    },
  ]);
}
