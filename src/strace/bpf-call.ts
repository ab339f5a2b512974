import { BPF_ATTR, BPF_CMD, BPF_COMMON_ATTRS, nameOf, STRUCT } from "../uapi/index.ts";
import type { BpfCommandName } from "../uapi/index.ts";
import { COMMANDS } from "./bpf-rows.ts";
import type { CommandRow } from "./bpf-rows.ts";
import { descriptor, inOut, oneOfValue, pointer, StructView, structFields, unsigned } from "./fields.ts";
import type { FieldContext } from "./fields.ts";
import { infoRequest, infoValue } from "./info-values.ts";
import { COMMAND } from "./names.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import { decimal, later, struct } from "./value.ts";
import type { Field, Value } from "./value.ts";

/** Largest union the kernel looks at: a page. */
const LARGEST = 4096;

/** The command of a bpf(2) call, without the flag that announces two more arguments; undefined: unknown. */
export function bpfCommand(args: BigUint64Array): BpfCommandName | undefined {
  const number = Number(BigInt.asUintN(32, args[0]!)) & ~BPF_COMMON_ATTRS;
  const found = nameOf(BPF_CMD, number);
  return found !== undefined && found in BPF_ATTR ? commandNames.get(found) : undefined;
}

const commandNames: ReadonlyMap<string, BpfCommandName> = new Map(
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
  (Object.keys(BPF_ATTR) as BpfCommandName[]).map((command) => [command, command]),
);

/** The arguments of a bpf(2) call at its entry. */
export function bpfArguments(args: BigUint64Array, view: ProcessView, detail: Detail): Value[] {
  const number = BigInt.asUintN(32, args[0]!);
  const address = args[1]!;
  const size = Number(BigInt.asUintN(32, args[2]!));
  const command = bpfCommand(args);
  const values = [commandValue(number), attrValue(command, address, size, view, detail), decimal(size)];
  return (Number(number) & BPF_COMMON_ATTRS) === 0
    ? values
    : [
        ...values,
        commonValue(args[3]!, Number(BigInt.asUintN(32, args[4]!)), view, detail),
        decimal(args[4]!),
      ];
}

function commandValue(number: bigint): Value {
  const common = BigInt(BPF_COMMON_ATTRS);
  const value = oneOfValue(COMMAND, number & ~common);
  return (number & common) === 0n || value.kind !== "word"
    ? value
    : { kind: "word", text: `${value.text}|BPF_COMMON_ATTRS` };
}

function attrValue(
  command: BpfCommandName | undefined,
  address: bigint,
  size: number,
  view: ProcessView,
  detail: Detail,
): Value {
  const row = command && COMMANDS[command];
  const read = (): StructView | undefined => {
    const bytes = view.read(address, size);
    return bytes.length < size || !command ? undefined : new StructView(bytes, size, BPF_ATTR[command]);
  };
  const attr = size > 0 && size <= LARGEST ? read() : undefined;
  if (!command || !attr) return { kind: "pointer", address };
  const context = { attr, view, detail, after: () => read() ?? attr };
  if (command === "OBJ_GET_INFO_BY_FD") return infoAttr(context);
  if (!row) return { kind: "pointer", address };
  return rowValue(row, context);
}

function rowValue({ member, rows, choice }: CommandRow, context: Omit<FieldContext, "name">): Value {
  const chosen = choice?.(context);
  const fields = [...structFields(rows, context), ...(chosen?.fields ?? [])];
  const end = chosen?.end ?? Math.max(...rows.map(([field]) => context.attr.end(field)));
  const extra = extraData(context, end);
  const value = struct([
    ...(member === undefined ? fields : [{ name: member, value: struct(fields) }]),
    ...extra,
  ]);
  return member === "batch" ? batchValue(value, context) : value;
}

/** What the caller gave beyond what is known here, if it is not all zero. */
function extraData({ attr, detail }: Omit<FieldContext, "name">, end: number): readonly Field[] {
  if (attr.size <= end) return [];
  const bytes = attr.bytes.subarray(end, attr.size);
  if (bytes.every((byte) => byte === 0)) return [];
  if (!detail.verbose) return [{ name: "", value: { kind: "more" } }];
  return [
    {
      name: "extra_data",
      value: {
        kind: "commented",
        value: { kind: "bytes", bytes, style: "hex", cut: false },
        comment: `bytes ${end}..${attr.size - 1}`,
      },
    },
  ];
}

/** A batch tells at its end how many elements it moved. */
function batchValue(before: Value, { attr, after }: Omit<FieldContext, "name">): Value {
  return {
    kind: "changed",
    before,
    after: later(() => {
      const count = after().u64("count");
      return count === attr.u64("count")
        ? { kind: "nothing" }
        : struct([{ name: "batch", value: struct([{ name: "count", value: decimal(count) }]) }]);
    }),
  };
}

function infoAttr(context: Omit<FieldContext, "name">): Value {
  const { attr, view, detail, after } = context;
  const request = detail.verbose
    ? infoRequest(view, attr.u32("bpf_fd") | 0, attr.u64("info"), attr.u32("info_len"))
    : undefined;
  const fields = structFields(
    [
      ["bpf_fd", descriptor],
      ["info_len", inOut(unsigned)],
    ],
    context,
  );
  const info: Field = {
    name: "info",
    value: later(() =>
      request
        ? infoValue(request, after().u32("info_len"), view, detail)
        : pointer({ ...context, attr: after(), name: "info" }),
    ),
  };
  return struct([
    { name: "info", value: struct([...fields, info]) },
    ...extraData(context, attr.end("info")),
  ]);
}

/** struct bpf_common_attr: a log for any command (Linux 7.x). */
function commonValue(address: bigint, size: number, view: ProcessView, detail: Detail): Value {
  const read = (): StructView | undefined => {
    const bytes = view.read(address, size);
    return size === 0 || size > LARGEST || bytes.length < size
      ? undefined
      : new StructView(bytes, size, STRUCT.bpf_common_attr);
  };
  const attr = read();
  if (!attr) return { kind: "pointer", address };
  return struct(
    structFields(
      [
        ["log_buf", pointer],
        ["log_size", unsigned],
        ["log_level", unsigned],
        ["log_true_size", unsigned, { output: true }],
      ],
      { attr, view, detail, after: () => read() ?? attr },
    ),
  );
}
